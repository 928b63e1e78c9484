"""The rules of delegates, each with an operator that they take or refuse."""

from __future__ import annotations

from typing import Any

import pytest

from mcompile.backends.litert.listing import Listed, Seen
from mcompile.backends.litert.takers import DRIFT, EDGE_TPU, GPU, NNAPI

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


@pytest.mark.parametrize(
    ("delegate", "listed", "why"),
    [
        (GPU, op("CONV_2D"), ""),
        (GPU, op("TOPK_V2"), "it has no such operator"),
        (GPU, op("RELU", dtype="int16"), "it takes no int16"),
        (GPU, op("TRANSPOSE", (1, 2, 3, 4, 5)), "it takes no tensor of 5 axes"),
        (GPU, op("ADD", PICTURE, (4,)), ""),
        (GPU, op("ADD", PICTURE, (8, 4)), "it broadcasts no 2 axes to 4"),
        (GPU, op("ADD", PICTURE, (1, 4)), ""),
        (GPU, op("PAD", (2, 3), made=(4, 5)), "it takes no tensor of 2 axes"),
        (GPU, op("SOFTMAX", fields={"beta": 2.0}), "it takes no beta"),
        (GPU, op("STRIDED_SLICE", fields={"shrinkAxisMask": 1}), "it takes no shrinkAxisMask"),
        (GPU, op("EQUAL", PICTURE, PICTURE, dtype="bool"), ""),
        (GPU, op("ADD", PICTURE, PICTURE, dtype="int32"), "it takes no int32"),
        (DRIFT, op("ADD", PICTURE, PICTURE, dtype="int32"), ""),
        (DRIFT, op("ARG_MAX"), ""),
        (NNAPI, op("CONV_2D", version=5), ""),
        (NNAPI, op("CONV_2D", version=6), "it knows versions up to 5, and this is 6"),
        (NNAPI, op("SUM"), "it takes no int8"),
        (NNAPI, op("GELU"), "it has no such operator"),
        (EDGE_TPU, op("CONV_2D"), ""),
        (EDGE_TPU, op("CONV_2D", dtype="float32"), "it takes no float32"),
        (EDGE_TPU, op("ADD", (2, 8, 8, 4), PICTURE), "it takes no more than three axes larger"),
        (
            EDGE_TPU,
            op("MAX_POOL_2D", fields={"fusedActivationFunction": 1}),
            "it takes no fusedActivationFunction",
        ),
    ],
)
def test_the_rules_of_a_delegate(delegate: Any, listed: Listed, why: str) -> None:
    found = delegate.refuses(listed)
    assert found.startswith(why) if why else found == ""
