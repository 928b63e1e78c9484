"""The weights of a plan whose integers are not the nearest ones, in an archive beside the text.

An `.npz` with an array for each weight, by its name. Equal codes are equal bytes: members are
sorted, stored as they are (compressors differ from one zlib to the next), and bear a fixed date.
The text holds the archive's SHA-256, so that neither is ever read with the other of another plan.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from mcompile.errors import UsageError
from mcompile.quantize.stored import DAMAGED
from mcompile.types import Array


class Beside(msgspec.Struct, forbid_unknown_fields=True):
    """The archive that belongs to a plan: its name in the plan's folder, and its hash."""

    file: str
    sha256: str


def pack(codes: Mapping[str, Array]) -> bytes:
    """The archive; equal codes are equal bytes."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(codes):
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            with archive.open(member, "w", force_zip64=True) as file:
                data = np.ascontiguousarray(codes[name])
                np.lib.format.write_array(file, data, allow_pickle=False)
    return held.getvalue()


def unpack(beside: Beside, folder: Path, source: str) -> dict[str, Array]:
    """The codes in the archive; `UsageError`, naming `source`, where it is not the plan's own."""
    path = folder / beside.file
    if Path(beside.file).name != beside.file:
        raise _refusal(f"{beside.file!r} is not a file beside the plan", source)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _refusal(
            f"the plan's {beside.file} cannot be read: {error.strerror}", path
        ) from error
    if hashlib.sha256(data).hexdigest() != beside.sha256:
        raise _refusal(f"{beside.file} is not the one that this plan was written with", path)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except DAMAGED as error:
        raise _refusal(f"{beside.file} holds no arrays of integers", path) from error


def _refusal(what: str, where: object) -> UsageError:
    fix = "copy plan.json and plan.npz together, as the build wrote them"
    return UsageError(what, where=str(where), fix=fix)
