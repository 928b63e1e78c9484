"""Small changes to one node."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.opsets import surgery
from mcompile.oracle import Oracle
from mcompile.types import Program


def program(body: str = "y = Add(x, w)") -> Program:
    head = '<ir_version: 8, opset_import: ["": 17]> n'
    return graph.parse(
        f"{head} (float[2,N] x) => (float[2,N] y) {{ {body} }}", {"w": np.float32(3)}
    )


def first(made: Program) -> ir.Node:
    return made.graph.graph[0]


def result(made: Program) -> list[list[float]]:
    return Oracle(made).run({"x": np.ones((2, 3), np.float32)})["y"].tolist()


def test_an_input_is_given_and_left_out() -> None:
    node = first(program("y = Clip(x)"))
    assert surgery.source(node, 2) is None
    surgery.give_constant(node, 2, "max", np.float32(0.5))
    assert node.inputs[1] is None
    assert surgery.source(node, 2).name == "y_max"
    surgery.drop_input(node, 2)
    assert len(node.inputs) == 1
    surgery.drop_input(node, 5)
    assert len(node.inputs) == 1


def test_a_node_in_front_is_read() -> None:
    made = program()
    node = first(made)
    surgery.give(node, 0, surgery.before(node, "Neg", [node.inputs[0]]))
    assert [n.op_type for n in made.graph.graph] == ["Neg", "Add"]
    assert result(made) == [[2.0] * 3] * 2


def test_a_node_behind_serves_the_readers_and_the_output() -> None:
    made = program()
    surgery.after(first(made), "Pow", [made.graph.graph.initializers["w"]])
    assert [n.op_type for n in made.graph.graph] == ["Add", "Pow"]
    assert [v.name for v in made.graph.graph.outputs] == ["y"]
    assert result(made) == [[64.0] * 3] * 2


def test_what_the_graph_says_is_read() -> None:
    made = program("y = ReduceL1 <axes = [1]> (x)")
    node = first(made)
    assert surgery.ints(node, "axes") == [1]
    assert surgery.ints(node, "other") is None
    assert surgery.text(node, "mode", "none") == "none"
    value = node.inputs[0]
    assert (surgery.rank(value), surgery.rank(None), surgery.rank(ir.Value())) == (2, None, None)
    assert [surgery.size(value, axis) for axis in (0, 1, -2, 2)] == [2, None, 2, None]
    assert surgery.known(surgery.constant(node, "c", np.array([[4, 5]]))) == [4, 5]
    assert surgery.known(surgery.constant(node, "d", np.array(4))) == [4]
    assert surgery.known(value) is None
