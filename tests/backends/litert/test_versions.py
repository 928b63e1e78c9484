"""Versions of operators, the releases that first had them, and what a target's floor forbids."""

from __future__ import annotations

import numpy as np
import pytest
from packaging.version import Version

from mcompile.backends.litert.draft import Draft, Quant
from mcompile.backends.litert.releases import demand, floor_of, newest, package_for, release_of
from mcompile.backends.litert.versions import version_of
from mcompile.errors import LoweringError, TargetError
from mcompile.profile import Runtime

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


def test_the_newest_operator_says_what_the_file_needs():
    draft = Draft()
    draft.ops = [op("SOFTMAX", "float32"), op("FULLY_CONNECTED", "float32", "int8*", "float32")]
    assert newest(draft) == Version("2.17")
    assert release_of(draft.ops[0]) == Version("2.3")
    assert package_for(Version("2.17")) == "2.0"
    assert package_for(Version("2.22")) == "2.3"


@pytest.mark.parametrize(
    ("pins", "floor"),
    [(">=2.0", "2.20"), (">=1.2,<2", "2.19"), ("==1.0.1", "2.18"), (">=2.3", "2.23")],
)
def test_what_a_package_reads(pins, floor):
    assert floor_of(Runtime(versions=pins)) == Version(floor)


def test_no_floor_without_a_lower_end():
    assert floor_of(Runtime()) is None
    assert floor_of(Runtime(versions="<1")) is None
    with pytest.raises(TargetError, match="no range of versions"):
        floor_of(Runtime(versions="newest"))


def test_an_operator_that_is_too_new_names_node_and_version():
    given = op("FULLY_CONNECTED", "float32", "int8*", "float32")
    demand(given, Version("2.17"), "node y (MatMul)")
    with pytest.raises(LoweringError, match="FULLY_CONNECTED version 12 came with") as caught:
        demand(given, Version("2.16"), "node y (MatMul)")
    assert caught.value.where == "node y (MatMul)"


def test_a_type_that_no_tensor_has():
    draft = Draft()
    draft.origin = "node y (Abs)"
    with pytest.raises(LoweringError, match="holds no complex64") as caught:
        draft.tensor("y", (1,), "complex64")
    assert caught.value.where == "node y (Abs)"


def test_equal_constants_are_kept_once_and_minus_zero_is_not_zero():
    draft = Draft()
    same = [draft.constant("a", np.ones((2, 3), np.float32)) for _ in range(2)]
    assert same[0] is same[1]
    zeros = [draft.constant("z", np.array([z], np.float32)) for z in (0.0, -0.0)]
    assert zeros[0] is not zeros[1]
