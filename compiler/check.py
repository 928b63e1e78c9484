"""An artifact again: its files, what it needs from a machine, its golden outputs, its budgets."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from mcompile import registry
from mcompile.artifact import Manifest, distance, read, read_golden, verify_files
from mcompile.errors import ContractError
from mcompile.measure.machine import here
from mcompile.types import Check, Contract, Measured, Verdict
from mcompile.validate import verdict


@dataclass(frozen=True)
class Checked:
    """What was held, and whether it holds."""

    folder: str
    manifest: Manifest
    checks: tuple[Check, ...]
    verdict: Verdict


def check(folder: Path, recorded: Sequence[Check] = (), threads: int | None = None) -> Checked:
    """Whether the artifact in `folder` is whole, fits this machine and still computes the same.

    `recorded` are the build's own budget checks, which stand where the files do. Raises
    `ContractError` for a damaged artifact or a machine that cannot run it.
    """
    manifest = read(folder)
    verify_files(folder, manifest)
    _fits(manifest.artifact.contract)
    found = (_golden(folder, manifest, threads), *recorded)
    return Checked(str(folder), manifest, found, verdict(found))


def _fits(contract: Contract) -> None:
    """Raise `ContractError` unless this machine has what the artifact needs."""
    machine = here()
    if contract.arch and contract.arch != machine.arch:
        raise ContractError(
            f"the artifact is for {contract.arch}, and this machine is {machine.arch}",
            where=platform.node() or "this machine",
            fix="check it on its device",
        )
    missing = sorted({*contract.isa} - {*machine.isa}) if machine.isa else []
    if missing:
        raise ContractError(
            f"this machine lacks {', '.join(missing)}",
            where=machine.cpu,
            fix="check it on its device, or build for a target that this machine matches",
        )
    _runtime(contract)


def _runtime(contract: Contract) -> None:
    try:
        installed = version(contract.runtime)
        fits = SpecifierSet(contract.version).contains(installed, prereleases=True)
    except PackageNotFoundError as error:
        raise ContractError(
            f"{contract.runtime} is not installed here",
            where="runtime contract",
            fix=f"pip install '{contract.runtime}{contract.version}'",
        ) from error
    except InvalidSpecifier as error:
        raise ContractError(
            f"the runtime contract is damaged: {contract.version}",
            where="artifact.json",
            fix="build the artifact again",
        ) from error
    if not fits:
        raise ContractError(
            f"{contract.runtime} {installed} is installed, {contract.version} is needed",
            where="runtime contract",
            fix=f"pip install '{contract.runtime}{contract.version}'",
        )


def _golden(folder: Path, manifest: Manifest, threads: int | None) -> Check:
    golden, worst = read_golden(folder), 0.0
    with registry.backend(manifest.backend).open(manifest.artifact, folder, threads) as executor:
        for feeds, wanted in golden.cases:
            got = executor.run(feeds)
            missing = sorted({*wanted} - {*got})
            if missing:
                raise ContractError(
                    f"the artifact has no output {missing[0]}",
                    where=str(folder),
                    fix="build the artifact again",
                )
            worst = max(worst, *(distance(got[name], wanted[name]) for name in wanted))
    found = Measured("golden_error", worst, "of the largest output", device=here().cpu)
    inside = worst <= golden.tolerance
    row = Check("golden_error", golden.tolerance, found, _passed(inside))
    why = "" if inside else "the outputs here are not those of the build"
    return replace(row, because=why)


def _passed(inside: bool) -> Verdict:
    return Verdict.PASSED if inside else Verdict.FAILED
