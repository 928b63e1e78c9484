"""What the standard says of an op, and of a node."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.opsets.schemas import default, is_standard, objection, schema, since, spelled


def node(text: str, inputs: str = "float[2,3] x", **weights: np.ndarray) -> ir.Node:
    head = '<ir_version: 9, opset_import: ["": 19, "own": 1]>'
    made = graph.parse(f"{head} n ({inputs}) => (y) {{ {text} }}", weights)
    graph.infer_shapes(made)
    return made.graph.graph[-1]


def test_an_op_has_the_form_of_its_operator_set() -> None:
    assert [since("Clip", v) for v in (6, 11, 12, 25)] == [6, 11, 12, 13]
    assert since("Gelu", 19) == since("Nothing", 25) == 0
    assert schema("Gelu", 19) is None
    assert schema("Upsample", 9) is not None
    assert schema("Upsample", 10) is None  # given up there


def test_a_default_is_told() -> None:
    cast, resize = schema("Cast", 19), schema("Resize", 19)
    assert cast is not None
    assert resize is not None
    assert default(cast, "saturate") == 1
    assert default(resize, "mode") == "nearest"
    assert default(cast, "to") is None
    assert default(cast, "nothing") is None


def test_the_standard_set_is_told_from_others() -> None:
    assert is_standard(node("y = Relu(x)"))
    assert not is_standard(node("y = own.Odd(x)"))


OBJECTIONS = {
    "attribute": ("y = Cast <to = 1, saturate = 1> (x)", 13, "no attribute saturate"),
    "required": ("y = Cast (x)", 13, "needs the attribute to"),
    "many": ("y = Relu (x, x)", 13, "takes 1 inputs there, not 2"),
    "few": ("y = Add (x)", 13, "needs 2 inputs there, not 1"),
    "outputs": ("y, z = Relu (x)", 13, "makes 1 outputs there, not 2"),
    "left out": ("y = Pad (, p)", 18, "needs the input data"),
    "type": ("c = Cast <to = 3> (x) \n y = Add(c, c)", 13, "A may not be int8 there (c)"),
    "types": ("c = Cast <to = 11> (x) \n y = Add(c, x)", 13, "B must be double there"),
}


@pytest.mark.parametrize("case", OBJECTIONS.values(), ids=OBJECTIONS)
def test_a_node_that_is_not_of_the_set_is_told(case) -> None:
    text, version, reason = case
    found = node(text, "float[2,3] x, int64[4] p")
    formal = schema(found.op_type, version)
    assert formal is not None
    assert reason in objection(found, formal)


@pytest.mark.parametrize(
    "text",
    [
        "y = Clip (x, , m)",
        "y = Concat <axis = 0> (x, x, x, x)",
        "y = Relu (x)",
        "y, z = Split <axis = 0> (x)",
    ],
)
def test_a_node_of_the_set_is_accepted(text: str) -> None:
    found = node(text, "float[2,3] x, float m")
    formal = schema(found.op_type, 13)
    assert formal is not None
    assert objection(found, formal) == ""


def test_types_are_spelled_as_the_standard_does() -> None:
    tensor = ir.TensorType(ir.DataType.FLOAT8E4M3FN)
    assert spelled(tensor) == "tensor(float8e4m3fn)"
    assert (
        spelled(ir.OptionalType(ir.SequenceType(tensor))) == "optional(seq(tensor(float8e4m3fn)))"
    )
    assert spelled(ir.TensorType(ir.DataType.UNDEFINED)) == spelled(None) == ""
