"""The output folder: how it appears, what it says of itself, and whether it still holds.

`artifact.json` is the only thing a release pipeline or a device has to read. Equal builds write
equal bytes: keys are sorted, and nothing in it depends on when or where the build ran.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import msgspec

from mcompile.claim import MARK, claim
from mcompile.errors import ContractError
from mcompile.files import hashed, sha256
from mcompile.golden import GOLDEN, Golden, distance, read_golden, write_golden
from mcompile.types import Artifact, File, Precision, Verdict

__all__ = [
    "GOLDEN",
    "MARK",
    "SCHEMA",
    "Golden",
    "Manifest",
    "claim",
    "distance",
    "hashed",
    "read",
    "read_golden",
    "verify_files",
    "write",
    "write_golden",
]

SCHEMA = 1
_AGAIN = "copy or build the artifact again"


@dataclass(frozen=True)
class Manifest:
    """What `artifact.json` says of a build.

    `because` is why `built` differs from `requested`, empty where it does not. `preprocess` is how
    a picture becomes the input, `labels` are the names of the classes, and `tolerance` is how far
    an output may be off the golden one, as a share of the largest golden output.
    """

    model: str
    target: str
    backend: str
    requested: Precision
    built: Precision
    artifact: Artifact
    source_sha256: str
    command: tuple[str, ...]
    verdict: Verdict
    because: str = ""
    tolerance: float | None = None
    golden: File | None = None
    tools: Mapping[str, str] = field(default_factory=dict)
    preprocess: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    schema: int = SCHEMA


class _Version(msgspec.Struct):
    schema: int


def write(manifest: Manifest, folder: Path) -> None:
    """Write `artifact.json` under `folder`; equal manifests make equal bytes."""
    text = msgspec.json.encode(manifest, order="sorted")
    (folder / MARK).write_bytes(msgspec.json.format(text, indent=2) + b"\n")


def read(folder: Path) -> Manifest:
    """The manifest of the artifact in `folder`.

    Raises `ContractError` where it is missing, damaged, or of a schema this version cannot read.
    """
    path = folder / MARK
    try:
        text = path.read_bytes()
        version = msgspec.json.decode(text, type=_Version).schema
        if version == SCHEMA:
            return msgspec.json.decode(text, type=Manifest)
    except OSError as error:
        raise ContractError(
            f"no {MARK} can be read here: this is not an artifact",
            where=str(folder),
            fix="give the folder that a build wrote",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"{MARK} is damaged: {error}", where=str(path), fix=_AGAIN) from error
    raise ContractError(
        f"{MARK} is of schema {version}, and this version reads {SCHEMA}",
        where=str(path),
        fix="use a newer mcompile" if version > SCHEMA else "build the artifact again",
    )


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Return when every file of the manifest is in `folder`, whole and unchanged.

    Raises `ContractError` naming the first that is missing, changed, or outside of the folder.
    """
    for file in (*manifest.artifact.files, *((manifest.golden,) if manifest.golden else ())):
        where = str(folder / MARK)
        if _escapes(folder, file.path):
            raise ContractError(
                f"{file.path!r} is outside of the artifact", where=where, fix=_AGAIN
            )
        path = folder / file.path
        if not path.is_file():
            raise ContractError(f"{file.path} is missing", where=str(folder), fix=_AGAIN)
        _hold(path, file)


def _hold(path: Path, file: File) -> None:
    try:
        size = path.stat().st_size
        changed = size != file.bytes or sha256(path) != file.sha256
    except OSError as error:
        raise ContractError(
            f"{file.path} cannot be read: {error.strerror}", where=str(path), fix=_AGAIN
        ) from error
    if changed:
        what = f"{size} bytes in place of {file.bytes}" if size != file.bytes else "other content"
        raise ContractError(f"{file.path} has changed: {what}", where=str(path), fix=_AGAIN)


def _escapes(folder: Path, name: str) -> bool:
    """Whether a name leads out of the folder, by itself or by a link, on any system."""
    pure, windows = PurePosixPath(name), PureWindowsPath(name)
    if not name or "\0" in name or pure.is_absolute() or windows.drive or windows.root:
        return True
    if ".." in pure.parts or ".." in windows.parts:
        return True
    home = Path(os.path.realpath(folder))
    return not Path(os.path.realpath(home / name)).is_relative_to(home)
