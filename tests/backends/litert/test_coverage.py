"""How much delegates take: the pieces of a graph, and the share of the work."""

from __future__ import annotations

from typing import Any

import pytest

from mcompile.backends.litert.coverage import coverage, pieces, told
from mcompile.backends.litert.listing import Listed, Seen
from mcompile.backends.litert.takers import GPU
from mcompile.types import Provenance

PICTURE = (1, 8, 8, 4)


def seen(index: int, shape: tuple[int, ...] = PICTURE, dtype: str = "int8") -> Seen:
    return Seen(index, dtype, shape, False)


def op(kind: str, *shapes: tuple[int, ...], **how: Any) -> Listed:
    """An operator of computed inputs of those shapes (of one picture without any)."""
    dtype, fields = how.pop("dtype", "int8"), how.pop("fields", {})
    first, version = how.pop("first", 0), how.pop("version", 1)
    inputs = [seen(first + i, s, dtype) for i, s in enumerate(shapes or (PICTURE,))]
    inputs += [Seen(900 + i, "int32", s, True) for i, s in enumerate(how.pop("constants", ()))]
    made = seen(how.pop("out", first + len(inputs)), how.pop("made", PICTURE), dtype)
    return Listed(kind, version, tuple(inputs), (made,), fields)


def chain(*kinds: str) -> list[Listed]:
    return [op(kind, first=i, out=i + 1) for i, kind in enumerate(kinds)]


def test_pieces_follow_what_each_operator_waits_for() -> None:
    """Two branches of which one is refused in the middle: what does not wait goes ahead."""
    ops = [
        op("RELU", first=0, out=10),
        op("WHERE", first=10, out=11),
        op("RELU", first=10, out=12),
        op("RELU", first=11, out=13),
    ]
    assert pieces(ops, [True, False, True, True]) == [[0, 2], [1], [3]]


def test_a_delegate_takes_its_largest_piece_and_the_edge_tpu_its_first() -> None:
    ops = chain("RELU", "WHERE", "RELU", "RELU")
    gpu, _, nnapi, tpu = coverage(ops)
    assert (gpu.taken, gpu.parts) == (2, 1)
    assert (nnapi.taken, nnapi.parts) == (3, 2)
    assert (tpu.taken, tpu.parts) == (1, 1)
    assert gpu.fallen == (
        "WHERE: it has no such operator",
        "1 more that it could take, in other parts of the graph",
    )
    assert gpu.provenance is Provenance.STATED
    assert gpu.macs_percent is None


def conv(first: int, out: int, kind: str = "CONV_2D") -> Listed:
    weights = Seen(800, "int8", (4, 3, 3, 4), True)
    return Listed(kind, 1, (seen(first), weights), (seen(out),), {})


def test_the_share_is_that_of_the_multiply_accumulates() -> None:
    ops = [conv(0, 1), *[op("WHERE", first=1, out=2)], conv(2, 3), conv(3, 4)]
    assert coverage(ops, (GPU,))[0].macs_percent == pytest.approx(200 / 3)


def test_what_ran_is_measured() -> None:
    row = told("XNNPACK", [conv(0, 1), op("WHERE", first=1, out=2)], [0], 1)
    assert (row.taken, row.fallen, row.macs_percent) == (1, ("WHERE",), 100)
    assert row.provenance is Provenance.MEASURED
