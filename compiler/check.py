"""An artifact again: its files, what it needs from a machine, its golden outputs, its budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from mcompile import plans, registry
from mcompile.artifact import Manifest, distance, read, read_golden, verify_files
from mcompile.backend import Backend, Executor
from mcompile.errors import BackendMissing, ContractError, LoweringError, TargetError
from mcompile.measure.machine import here
from mcompile.profile import Device
from mcompile.types import Check, Contract, Feeds, Measured, Verdict
from mcompile.validate import verdict

_AGAIN = "copy or build the artifact again"


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
    if not manifest.artifact.files:
        raise ContractError("the artifact names no files", where=str(folder), fix=_AGAIN)
    verify_files(folder, manifest)
    for file in manifest.artifact.files:
        if file.path.endswith(plans.SUFFIX):
            plans.demand(folder / file.path, manifest.artifact.contract)
    _fits(manifest)
    found = (_golden(folder, manifest, threads), *recorded)
    return Checked(str(folder), manifest, found, verdict(found))


def _fits(manifest: Manifest) -> None:
    """Raise `ContractError` unless this machine has what the artifact needs."""
    contract, machine = manifest.artifact.contract, here()
    # Where the system does not tell its instruction set, the runtime has the last word.
    needed = Device(contract.arch or machine.arch, contract.isa if machine.isa else ())
    fits, reason = machine.matches(needed)
    if not fits:
        present = _accelerator(manifest)
        if present is False:
            raise ContractError(
                f"{contract.runtime} finds no {contract.arch} in this machine",
                where=machine.cpu,
                fix="check it where the device and its driver are",
            )
        if present is None:
            raise ContractError(
                f"this machine cannot run the artifact: {reason}",
                where=machine.cpu,
                fix="check it on its device, or bring that one's figures: --measured measured.json",
            )
    _runtime(contract)


def _accelerator(manifest: Manifest) -> bool | None:
    """Whether the NPU or GPU that the artifact needs is present; None where it needs none."""
    try:
        return _backend(manifest).holds(manifest.artifact.contract.arch)
    except BackendMissing:
        return None


def _runtime(contract: Contract) -> None:
    try:
        installed = version(contract.runtime)
        fits = SpecifierSet(contract.version).contains(installed, prereleases=True)
    except InvalidSpecifier as error:
        raise ContractError(
            f"the runtime contract is damaged: {contract.version}",
            where="artifact.json",
            fix=_AGAIN,
        ) from error
    except (PackageNotFoundError, ValueError) as error:  # a name that no package can have
        raise ContractError(
            f"{contract.runtime} is not installed here",
            where="runtime contract",
            fix=f"pip install '{contract.runtime}{contract.version}'",
        ) from error
    if not fits:
        raise ContractError(
            f"{contract.runtime} {installed} is installed, {contract.version} is needed",
            where="runtime contract",
            fix=f"pip install '{contract.runtime}{contract.version}'",
        )


def _golden(folder: Path, manifest: Manifest, threads: int | None) -> Check:
    golden, worst = read_golden(folder), 0.0
    if not golden.cases or not all(wanted for _, wanted in golden.cases):
        raise ContractError("golden.npz holds no outputs", where=str(folder), fix=_AGAIN)
    with _backend(manifest).open(manifest.artifact, folder, threads) as executor:
        for feeds, wanted in golden.cases:
            got = _run(executor, feeds, folder)
            missing = sorted({*wanted} - {*got})
            if missing:
                raise ContractError(
                    f"the artifact has no output {missing[0]}",
                    where=str(folder),
                    fix=_AGAIN,
                )
            worst = max(worst, *(distance(got[name], wanted[name]) for name in wanted))
    found = Measured("golden_error", worst, "of the largest output", device=here().cpu)
    inside = worst <= golden.tolerance
    row = Check("golden_error", golden.tolerance, found, _passed(inside))
    why = "" if inside else "the outputs here are not those of the build"
    return replace(row, because=why)


def _backend(manifest: Manifest) -> Backend:
    try:
        return registry.backend(manifest.backend)
    except TargetError as error:
        raise ContractError(error.what, where="artifact.json", fix=error.fix) from error


def _run(executor: Executor, feeds: Feeds, folder: Path) -> Feeds:
    try:
        return executor.run(feeds)
    except LoweringError as error:
        raise ContractError(
            f"golden.npz does not fit the artifact: {error.where}", where=str(folder), fix=_AGAIN
        ) from error


def _passed(inside: bool) -> Verdict:
    return Verdict.PASSED if inside else Verdict.FAILED
