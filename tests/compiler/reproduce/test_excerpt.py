"""A few nodes as a program of their own."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir

from mcompile import graph
from mcompile.invariants import invariants
from mcompile.oracle import Oracle
from mcompile.reproduce.excerpt import around, excerpt, stated, within

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
CHAIN = HEAD + (
    "g (float[2,3] x, float[3] u) => (float[2,3] y, float[2,3] c) {"
    " a = Add(x, w) b = Mul(a, w) c = Neg(b) d = Sub(c, a) y = Mul(d, u) }"
)
BRANCH = HEAD + (
    "g (bool q, float[2] x) => (float[2] y) { a = Neg(x) b = Abs(x) y = If (q) <"
    "then_branch = t () => (float[2] p) { p = Add(a, w) },"
    "else_branch = e () => (float[2] r) { k = Add(b, a) r = Abs(k) }> }"
)


def chain():
    program = graph.parse(CHAIN, {"w": np.array([1, 2, 3], np.float32)})
    graph.infer_shapes(program)
    return program


def names(ports):
    return [p.name for p in ports]


def test_what_is_read_from_outside_is_an_input_and_what_is_read_outside_an_output():
    part = excerpt(chain(), {1, 2})
    assert [n.op_type for n in part.graph.graph] == ["Mul", "Neg"]
    assert (names(part.inputs), names(part.outputs)) == (["a"], ["c"])
    assert list(part.graph.graph.initializers) == ["w"]
    assert (part.inputs[0].dtype, part.inputs[0].shape) == ("float32", (2, 3))
    invariants(part)


def test_nodes_with_others_between_them_are_a_program_too():
    part = excerpt(chain(), {0, 3})
    assert (names(part.inputs), names(part.outputs)) == (["x", "c"], ["a", "d"])
    invariants(part)


def test_a_part_computes_what_it_computes_in_the_whole():
    source, rng = chain(), np.random.default_rng(0)
    feeds = {"x": rng.random((2, 3), np.float32), "u": rng.random(3, np.float32)}
    known = Oracle(source, ["a", "b", "d"]).run(feeds)
    part = excerpt(source, {1, 2, 3})
    got = Oracle(part).run({"a": known["a"]})
    assert {*got} == {"c", "d"}
    for name, found in got.items():
        np.testing.assert_array_equal(found, known[name])


def test_the_source_stays_as_it_was_and_the_weights_are_shared():
    source = chain()
    before = ir.to_proto(source.graph).SerializeToString(deterministic=True)
    part = excerpt(source, {0})
    assert ir.to_proto(source.graph).SerializeToString(deterministic=True) == before
    one, other = (p.graph.graph.initializers["w"].const_value for p in (source, part))
    assert one is other


def test_what_a_branch_reads_from_outside_is_an_input():
    source = graph.parse(BRANCH, {"w": np.ones(2, np.float32)})
    part = excerpt(source, {2})
    assert names(part.inputs) == ["q", "a", "b"]
    assert [n.op_type for n in within(part.graph.graph[0])] == ["If", "Add", "Add", "Abs"]
    part = excerpt(source, {0, 2})
    assert names(part.inputs) == ["q", "x", "b"]
    assert names(part.outputs) == ["y"]


def test_a_branch_that_is_left_out_reads_nothing_any_more():
    source = graph.parse(BRANCH, {"w": np.ones(2, np.float32)})
    part = excerpt(source, {0})
    assert (names(part.inputs), names(part.outputs)) == (["x"], ["a"])
    assert list(part.graph.graph.initializers) == []


def test_a_weight_that_the_caller_may_override_stays_an_input():
    text = HEAD + "g (float[2] x, float[2] w) => (float[2] y) { a = Add(x, w) y = Neg(a) }"
    source = graph.parse(text, {"w": np.ones(2, np.float32)})
    part = excerpt(source, {0})
    assert [v.name for v in part.graph.graph.inputs] == ["x", "w"]
    assert names(part.inputs) == ["x"]
    assert list(excerpt(source, {1}).graph.graph.initializers) == []


def test_unnamed_nodes_are_named_by_what_they_make():
    assert [n.name for n in excerpt(chain(), {0, 2}).graph.graph] == ["a", "c"]


def test_missing_types_are_those_of_the_arrays_and_known_ones_stay():
    source = graph.parse(CHAIN, {"w": np.array([1, 2, 3], np.float32)})
    part = excerpt(source, {1})
    assert part.inputs[0].dtype == "unknown"
    data = np.zeros((2, 3), np.float32)
    part = stated(part, {"a": data, "b": data})
    assert (part.inputs[0].dtype, part.inputs[0].shape) == ("float32", (2, 3))
    onnx.checker.check_model(ir.to_proto(part.graph), full_check=True)
    other = stated(part, {"a": np.zeros(7, np.int64), "b": data})
    assert (other.inputs[0].dtype, other.inputs[0].shape) == ("float32", (2, 3))


def test_neighbours_are_makers_and_readers_through_branches_too():
    assert around(chain(), {1}) == {0, 1, 2}
    source = graph.parse(BRANCH, {"w": np.ones(2, np.float32)})
    assert around(source, {0}) == {0, 2}
    assert around(source, {2}) == {0, 1, 2}
