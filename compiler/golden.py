"""A few inputs and the reference's outputs, kept beside an artifact for a check on the device.

`golden.npz` holds `<case>.in.<input>` and `<case>.out.<output>`, the names percent-encoded, and
`tolerance`. Its bytes depend on nothing but the arrays.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np

from mcompile.errors import Broken, ContractError
from mcompile.types import Array, Feeds

GOLDEN = "golden.npz"


@dataclass(frozen=True)
class Golden:
    """Pairs of inputs and expected outputs; `tolerance` is how far an output may be off."""

    cases: tuple[tuple[Feeds, Feeds], ...]
    tolerance: float


def write_golden(folder: Path, cases: Sequence[tuple[Feeds, Feeds]], tolerance: float) -> None:
    """Write `golden.npz` under `folder`; equal cases make equal bytes.

    Uncompressed, because compressors differ from one zlib to the next.
    """
    with zipfile.ZipFile(folder / GOLDEN, "w", zipfile.ZIP_STORED) as archive:
        for name, data in _members(cases, tolerance):
            # A fixed date: what `zipfile` writes by itself is not the same in every version.
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, data, allow_pickle=False)


def read_golden(folder: Path) -> Golden:
    """The cases of `folder` in the order they were written.

    Raises `ContractError` where the file is missing or damaged.
    """
    path = folder / GOLDEN
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return _parsed(arrays)
    except FileNotFoundError as error:
        raise ContractError(
            f"{GOLDEN} is missing", where=str(folder), fix="build the artifact again"
        ) from error
    # numpy and zipfile raise half a dozen classes on a damaged archive.
    except Exception as error:
        raise ContractError(
            f"{GOLDEN} is damaged", where=str(path), fix="copy or build the artifact again"
        ) from error


def _members(cases: Sequence[tuple[Feeds, Feeds]], tolerance: float) -> Iterator[tuple[str, Array]]:
    yield "tolerance", np.asarray(tolerance, dtype=np.float64)
    for number, sides in enumerate(cases):
        for side, feeds in zip(("in", "out"), sides, strict=True):
            for name in sorted(feeds):
                yield f"{number}.{side}.{quote(name, safe='')}", _plain(name, feeds[name])


def _plain(name: str, data: Array) -> Array:
    """The array in C order, with strings as fixed-width text: object arrays would need pickle."""
    if data.dtype == object and all(isinstance(item, str) for item in data.flat):
        return np.asarray(data, dtype=np.str_)
    if data.dtype.kind in "OV":
        raise Broken(f"{name} of type {data.dtype} cannot be kept in {GOLDEN}", fix="report this")
    return np.asarray(data, order="C")


def _parsed(arrays: Mapping[str, Array]) -> Golden:
    cases: dict[int, dict[str, dict[str, Array]]] = {}
    for key, data in arrays.items():
        if key != "tolerance":
            number, side, name = key.split(".", 2)
            case = cases.setdefault(int(number), {"in": {}, "out": {}})
            case[side][unquote(name)] = data
    pairs = tuple((cases[n]["in"], cases[n]["out"]) for n in range(len(cases)))
    return Golden(pairs, float(arrays["tolerance"]))


def distance(got: Array, want: Array) -> float:
    """The largest error as a share of the largest wanted magnitude; infinite for another shape.

    Of what is no float it is the share of the elements that differ. Where only one of the two is
    NaN or infinite it is infinite.
    """
    if got.shape != want.shape:
        return float("inf")
    if want.dtype.kind != "f":
        return float(np.mean(got != want)) if want.size else 0.0
    finite = np.isfinite(want)
    if not np.array_equal(got[~finite], want[~finite], equal_nan=True):
        return float("inf")
    if not np.isfinite(got[finite]).all():
        return float("inf")
    error = np.abs(got[finite].astype(np.float64) - want[finite])
    if not error.size or not error.max():
        return 0.0
    return float(error.max() / max(float(np.abs(want[finite]).max()), 1e-30))
