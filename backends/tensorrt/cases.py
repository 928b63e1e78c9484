"""Golden cases in the form that a device reads with numpy alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence

import numpy as np

from mcompile.types import Array, Feeds


def packed(cases: Sequence[tuple[Feeds, Feeds]], tolerance: float | None) -> bytes:
    """An `.npz` of `in.<case>.<input>` and `out.<case>.<output>`; equal cases make equal bytes.

    `tolerance` is how far an output may be off, as a share of the largest golden one.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in _members(cases, tolerance):
            # A fixed date: what `zipfile` writes by itself is that of the build.
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(data, order="C"), allow_pickle=False)
    return buffer.getvalue()


def _members(
    cases: Sequence[tuple[Feeds, Feeds]], tolerance: float | None
) -> Iterator[tuple[str, Array]]:
    if tolerance is not None:
        yield "tolerance", np.asarray(tolerance, np.float64)
    for number, sides in enumerate(cases):
        for side, feeds in zip(("in", "out"), sides, strict=True):
            for name in sorted(feeds):
                yield f"{side}.{number}.{name}", feeds[name]
