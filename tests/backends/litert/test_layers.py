"""Versions of operators with weights, by the types of what they read."""

from __future__ import annotations

import pytest

from mcompile.backends.litert import layers
from mcompile.backends.litert.draft import Draft, Quant

ONE, EACH = Quant((0.5,), (0,)), Quant((0.5, 0.25), (0, 0))


def op(*types, deep=4, **fields):
    """An operator on inputs of these types; `*` has a scale for each channel."""
    draft = Draft()
    inputs = [
        None if not t else draft.tensor(
            "t", (1, 2, 2, deep if k == 1 else 4), t.strip("*"), EACH if "*" in t else ONE)
        for k, t in enumerate(types)
    ]  # fmt: skip
    draft.emit("OP", inputs, [], "", **fields)
    return draft.ops[0]


@pytest.mark.parametrize(
    ("version", "made", "wanted"),
    [
        (layers.conv, op("float32", "float32"), 1), (layers.conv, op("float32", "int8"), 2),
        (layers.conv, op("int8", "int8"), 3), (layers.conv, op("int16", "int8"), 4),
        (layers.conv, op("float32", "int8*"), 5),
        (layers.conv, op("float32", "float32", deep=2), 6),
        (layers.depthwise, op("float32", "float32", dilationHFactor=2), 2),
        (layers.depthwise, op("float32", "int8"), 4), (layers.depthwise, op("int16", "int8"), 5),
        (layers.depthwise, op("float32", "int8*"), 6),
        (layers.connected, op("float32", "float32", "float32"), 1),
        (layers.connected, op("float32", "float32"), 6),
        (layers.connected, op("int8", "int8", "int32"), 4),
        (layers.connected, op("float32", "float32", "float32", keepNumDims=True), 5),
        (layers.connected, op("float32", "int8*", "float32"), 12),
        (layers.transposed, op("int32", "float32", "float32"), 1),
        (layers.transposed, op("int32", "int8", "int8"), 2),
        (layers.transposed, op("int32", "int8", "int8", "int32"), 3),
        (layers.transposed, op("int32", "int8", "int8", "int32", fusedActivationFunction=1), 4),
    ],
)  # fmt: skip
def test_the_version_of_a_layer(version, made, wanted):
    assert version(made) == wanted


def test_what_is_left_out_has_no_type():
    assert layers.type_of(op("int8", ""), 1) == layers.type_of(op("int8"), 3) == ""
    assert layers.is_by_channel(op("int8*").inputs[0])
    assert not layers.is_by_channel(op("int8").inputs[0])
    assert not layers.is_by_channel(None)
