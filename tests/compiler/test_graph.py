from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.errors import Broken
from mcompile.oracle import Oracle
from mcompile.types import Port

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
PLAIN = HEAD + "g (float[n,2] x, float[2] v) => (float[n,2] y) { a = Add(x, w) y = Mul(a, v) }"
ONES = np.ones(2, np.float32)


@pytest.fixture
def program():
    return graph.parse(PLAIN, {"w": ONES})


def value(program, name):
    return next(v for v in graph.values(program.graph.graph) if v.name == name)


def test_ports_tell_name_type_and_shape(program):
    assert program.inputs == (Port("x", "float32", ("n", 2)), Port("v", "float32", (2,)))
    assert program.outputs == (Port("y", "float32", ("n", 2)),)


def test_a_weight_that_may_be_overridden_is_no_constant_and_no_input():
    program = graph.parse(PLAIN, {"v": ONES, "w": ONES})
    assert [p.name for p in program.inputs] == ["x"]
    assert graph.array(value(program, "v")) is None
    assert not graph.is_constant(value(program, "v"))
    np.testing.assert_array_equal(graph.array(value(program, "w")), ONES)


def test_the_value_of_a_constant_node_is_known():
    text = HEAD + "g () => (float y) { c = Constant<value_float = 2.5>() y = Neg(c) }"
    program = graph.parse(text)
    assert graph.array(value(program, "c")) == 2.5
    assert graph.array(value(program, "y")) is None


def test_a_clone_shares_tensors_and_nothing_else(program):
    copy = graph.clone(program)
    assert value(copy, "w").const_value is value(program, "w").const_value
    copy.graph.graph[0].op_type = "Sub"
    assert program.graph.graph[0].op_type == "Add"


def test_a_program_survives_the_disk(program, tmp_path):
    graph.save(program, tmp_path / "m.onnx")
    again = graph.load(tmp_path / "m.onnx", "m")
    assert again.inputs == program.inputs
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_large_weights_go_to_a_file_of_their_own(program, tmp_path, monkeypatch):
    monkeypatch.setattr(graph, "EXTERNAL_ABOVE", 4)
    graph.save(program, tmp_path / "m.onnx")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.onnx", "m.onnx.data"]
    again = graph.load(tmp_path / "m.onnx", "m")
    np.testing.assert_array_equal(graph.array(value(again, "w")), ONES)


def test_a_new_constant_is_named_after_its_stem_and_meets_nobody(program):
    body = program.graph.graph
    names = [graph.constant(body, "w", ONES * k).name for k in range(3)]
    assert names == ["w_1", "w_2", "w_3"]
    assert graph.fresh(body, "other") == "other"
    np.testing.assert_array_equal(graph.array(value(program, "w_3")), ONES * 2)


def test_fresh_names_are_the_same_with_and_without_remembering(program):
    body = program.graph.graph
    with graph.naming(program.graph):
        remembered = [graph.constant(body, s, ONES).name for s in ("a", "a", "w_1", "w", "w")]
    other = graph.parse(PLAIN, {"w": ONES})
    walked = [graph.constant(other.graph.graph, s, ONES).name for s in ("a", "a", "w_1", "w", "w")]
    assert remembered == walked == ["a_1", "a_2", "w_1", "w_2", "w_3"]


def test_a_branch_never_takes_a_name_from_outside():
    program = graph.parse(
        HEAD
        + """g (float[2] x, bool c) => (float[2] y) {
            y = If (c) <
                then_branch = t () => (float[2] p) { p = Abs(x) },
                else_branch = e () => (float[2] q) { q = Neg(x) }
            >
        }"""
    )
    branch = program.graph.graph[0].attributes["else_branch"].as_graph()
    with graph.naming(program.graph):
        assert [graph.fresh(branch, s) for s in ("x", "p", "q", "z")] == ["x_1", "p_1", "q_1", "z"]
        assert graph.fresh(program.graph.graph, "z") == "z_1"


def test_small_arrays_live_in_memory_and_large_ones_do_not(monkeypatch, program):
    monkeypatch.setattr(graph, "MAPPED_ABOVE", 4096)
    assert not isinstance(graph.room((3, 4), np.dtype(np.float32)), np.memmap)
    large = graph.room((1024, 3), np.dtype(np.float16))
    assert isinstance(large, np.memmap)
    assert (large.shape, large.dtype) == ((1024, 3), np.float16)
    data = np.arange(4096, dtype=np.int64)
    kept = graph.array(graph.constant(program.graph.graph, "k", data))
    assert isinstance(kept, np.memmap)
    np.testing.assert_array_equal(kept, data)


def test_a_constant_that_is_not_contiguous_is_kept_in_order(program):
    data = np.arange(6, dtype=np.float32).reshape(2, 3).T
    kept = graph.constant(program.graph.graph, "t", data)
    np.testing.assert_array_equal(graph.array(kept), data)
    assert kept.const_value.tobytes() == np.ascontiguousarray(data).tobytes()


def test_an_output_keeps_its_name_when_it_is_replaced(program):
    body = program.graph.graph
    graph.replace(value(program, "y"), value(program, "a"))
    assert [v.name for v in body.outputs] == ["y"]
    assert body[0].outputs[0].name == "y"
    assert graph.dims(body.outputs[0]) == ("n", 2)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("a", "x", ""),
        ("y", "a", ""),
        ("y", "x", "it joins the input x to the output y"),
        ("y", "w", "it joins the constant w to the output y"),
        ("y", "z", "y and z are both outputs"),
    ],
)
def test_what_hinders_a_replacement_is_told(old, new, reason):
    text = PLAIN.replace("y)", "y, float[n,2] z)").replace("y =", "z = Abs(a) y =")
    program = graph.parse(text, {"w": ONES})
    assert graph.hindrance(value(program, old), value(program, new)) == reason


def test_sole_users_and_dead_nodes(program):
    first, second = program.graph.graph
    assert graph.sole_user(value(program, "a")) is second
    assert graph.sole_user(value(program, "y")) is None
    assert not graph.is_dead(second)
    second.replace_input_with(0, value(program, "x"))
    assert graph.sole_user(value(program, "x")) is None
    assert graph.is_dead(first)


def test_shapes_of_inner_values_are_inferred_without_reading_weights(program):
    assert graph.dims(value(program, "a")) is None
    graph.infer_shapes(program)
    assert graph.dims(value(program, "a")) == ("n", 2)
    assert graph.dtype_of(value(program, "a")) == "float32"


def test_an_unknown_op_does_not_stop_the_inference_elsewhere():
    text = '<ir_version: 8, opset_import: ["" : 17, "own" : 1]>' + PLAIN.removeprefix(HEAD)
    program = graph.parse(text.replace("y =", "b = own.Thing(a) y ="), {"w": ONES})
    graph.infer_shapes(program)
    assert graph.dims(value(program, "a")) == ("n", 2)


def test_a_program_with_sequences_is_left_as_it_is():
    text = (
        HEAD
        + """g (float[2] x) => (float[2] y) {
        a = Neg(x) s = SequenceConstruct(a) y = SequenceAt(s, first)
    }"""
    )
    program = graph.parse(text, {"first": np.array(0)})
    graph.infer_shapes(program)
    assert value(program, "s").type is None
    np.testing.assert_array_equal(Oracle(program).run({"x": ONES})["y"], -ONES)


def test_a_node_outside_of_any_graph_is_broken():
    with pytest.raises(Broken, match="Neg stands in no graph"):
        graph.owner(ir.Node("", "Neg", []))
    with pytest.raises(Broken, match="a value without a name"):
        graph.name_of(None)


def test_notes_of_the_exporter_are_stripped(program):
    program.graph.graph.doc_string = "/home/someone"
    program.graph.graph[0].metadata_props["stack"] = "/home/someone"
    graph.strip(program)
    assert b"someone" not in ir.to_proto(program.graph).SerializeToString()
    onnx.checker.check_model(ir.to_proto(program.graph))
    assert list(Oracle(program).run({"x": np.ones((1, 2), np.float32), "v": ONES})) == ["y"]
