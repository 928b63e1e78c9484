"""What an op of a newer operator set stands for."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.opsets.bodies import body
from mcompile.opsets.versions import converted
from mcompile.oracle import Oracle


def node(text: str, opset: int, inputs: str = "float[3,4] x") -> ir.Node:
    head = f'<ir_version: 9, opset_import: ["": {opset}]>'
    return graph.parse(f"{head} n ({inputs}) => (y) {{ {text} }}").graph.graph[-1]


def test_a_body_has_the_ports_that_the_node_has() -> None:
    found = body(node("y = Gelu (x)", 20), 20, 13)
    assert found is not None
    model, written = found
    assert [v.name for v in model.graph.inputs] == ["i0"]
    assert [v.name for v in model.graph.outputs] == ["o0"]
    assert written == 20
    assert "Erf" in {n.op_type for n in model.graph}
    assert all(v.dtype is not None for n in model.graph for v in n.outputs)


def test_outputs_that_nobody_reads_are_not_made() -> None:
    found = body(node("y, m, v = LayerNormalization (x, x)", 17), 17, 13)
    assert found is not None
    assert [v.name for v in found[0].graph.outputs] == ["o0"]


def test_the_body_of_the_newest_set_that_is_old_enough_is_taken() -> None:
    softmax = node("y = Softmax (x)", 20)
    for target, written in ((13, 13), (17, 13), (18, 18), (20, 18)):
        found = body(softmax, 20, target)
        assert found is not None
        assert found[1] == written


@pytest.mark.parametrize("text", ["y = Conv (x, x)", "y = own.Odd (x)"])
def test_an_op_that_stands_for_itself_has_no_body(text: str) -> None:
    found = graph.parse(
        '<ir_version: 9, opset_import: ["": 20, "own": 1]>'
        f" n (float[3,4] x) => (y) {{ {text} }}"
    ).graph.graph[-1]  # fmt: skip
    assert body(found, 20, 13) is None


def test_without_the_types_that_it_depends_on_there_is_no_body() -> None:
    unknown = ir.node("CastLike", [ir.Value(name="x"), ir.Value(name="t")])
    unknown.outputs[0].name = "y"
    assert body(unknown, 20, 13) is None
    triangle = ir.node("Trilu", [ir.Value(name="x")])
    triangle.outputs[0].name = "y"
    assert body(triangle, 14, 13) is None


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("k", [None, -2, 0, 1, 9])
@pytest.mark.parametrize("dtype", ["float", "int64", "bool"])
def test_a_triangle_is_kept(upper: int, k: int | None, dtype: str) -> None:
    second = "" if k is None else ", k"
    program = graph.parse(
        f'<ir_version: 9, opset_import: ["": 14]> n ({dtype}[2,N,5] x) => ({dtype} y)'
        f" {{ y = Trilu <upper = {upper}> (x{second}) }}",
        {} if k is None else {"k": np.int64(k)},
    )
    data = np.arange(1, 31).reshape(2, 3, 5)
    feeds = {"x": data.astype({"float": np.float32, "int64": np.int64, "bool": bool}[dtype])}
    want = (np.triu if upper else np.tril)(feeds["x"], k or 0)
    np.testing.assert_array_equal(Oracle(converted(program, 13)).run(feeds)["y"], want)
