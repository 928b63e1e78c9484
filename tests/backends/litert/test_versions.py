"""Versions of operators."""

from __future__ import annotations

import pytest

from mcompile.backends.litert.draft import Draft, Quant
from mcompile.backends.litert.versions import version_of

CODES = Quant((0.5,), (0,))
CHANNELS = Quant((0.5, 0.25), (0, 0))


def op(kind, *types, made="float32", shape=(1, 2, 2, 2), **fields):
    draft = Draft()
    quants = {"int8": CODES, "int16": CODES}
    inputs = [draft.tensor("x", shape, t.strip("*"), CHANNELS if "*" in t else quants.get(t))
              for t in types]  # fmt: skip
    draft.emit(kind, inputs, [draft.tensor("y", shape, made, quants.get(made))], **fields)
    return draft.ops[0]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (op("CONV_2D", "float32", "float32"), 1),
        (op("CONV_2D", "int8", "int8", made="int8"), 3),
        (op("CONV_2D", "int16", "int8", made="int16"), 4),
        (op("CONV_2D", "float32", "int8*"), 5),
        (op("DEPTHWISE_CONV_2D", "float32", "float32", dilationWFactor=2), 2),
        (op("DEPTHWISE_CONV_2D", "float32", "int8*"), 6),
        (op("FULLY_CONNECTED", "float32", "int8*", "float32"), 12),
        (op("FULLY_CONNECTED", "float32", "int8", "float32"), 3),
        (op("FULLY_CONNECTED", "int8", "int8", "int32", made="int8", keepNumDims=True), 5),
        (op("FULLY_CONNECTED", "int16", "int8", "int64", made="int16"), 7),
        (op("ADD", "int16", "int16", made="int16"), 3),
        (op("SUB", "int16", "int16", made="int16"), 5),
        (op("MUL", "int8", "int8", made="int8"), 2),
        (op("DEQUANTIZE", "float16"), 3),
        (op("DEQUANTIZE", "int8*"), 5),
        (op("QUANTIZE", "float32", made="int16"), 2),
        (op("TRANSPOSE", "float32", shape=(1, 2, 3, 4, 5)), 4),
        (op("TRANSPOSE", "float32", shape=(1, 2, 3, 4, 5, 6)), 6),
        (op("SPLIT", "int32", "int8"), 2),
        (op("CAST", "int32", made="float32"), 1),
        (op("CAST", "float64"), 5),
        (op("SOFTMAX", "int8", made="int8"), 2),
        (op("TANH", "float32"), 1),
    ],
)
def test_the_lowest_version_that_reads_it(given, wanted):
    assert version_of(given) == wanted
