"""Whole programs in another version of the standard."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.errors import LoweringError
from mcompile.invariants import invariants
from mcompile.opsets.versions import converted, inlined
from mcompile.oracle import Oracle
from mcompile.types import Program


def program(opset: int, text: str, ir_version: int = 8, functions: str = "", **weights) -> Program:
    head = f'<ir_version: {ir_version}, opset_import: ["": {opset}, "own": 1]> n'
    arrays = {n: np.asarray(w) for n, w in weights.items()}
    return graph.parse(f"{head} {text} {functions}", arrays)


def result(made: Program, **feeds: np.ndarray) -> np.ndarray:
    given = feeds or {"x": np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)}
    return Oracle(made).run(given)["y"]


NORM = "(float[2,3] x) => (float[2,3] y) { a = ReduceMean <axes = [1]> (x) \n y = Sub(x, a) }"


@pytest.mark.parametrize("before", range(13, 26))
def test_every_operator_set_is_reached_from_every_other(before: int) -> None:
    start = converted(program(13, NORM), before)
    want = result(start)
    for after in range(13, 26):
        made = converted(start, after)
        assert graph.opset(made) == after
        np.testing.assert_allclose(result(made), want, rtol=1e-6, atol=1e-6)


def test_the_source_is_left_as_it_was() -> None:
    source = program(18, "(float[2,3] x) => (float[2,3] y) { y = Mish(x) }")
    before = ir.to_proto(source.graph).SerializeToString()
    converted(source, 13)
    converted(source, 25)
    assert ir.to_proto(source.graph).SerializeToString() == before


def test_the_format_follows_the_operator_set() -> None:
    source = program(17, NORM.replace("<axes = [1]>", ""), ir_version=10)
    versions = {
        "lowered": converted(source, 13),
        "the same": converted(source, 17),
        "the same and capped": converted(source, 17, 8),
        "raised": converted(source, 23),
        "raised and capped": converted(source, 23, 10),
    }
    assert {n: p.graph.ir_version for n, p in versions.items()} == {
        "lowered": 7,
        "the same": 10,
        "the same and capped": 8,
        "raised": 11,
        "raised and capped": 10,
    }


@pytest.mark.parametrize("version", [12, 26])
def test_other_operator_sets_are_refused(version: int) -> None:
    with pytest.raises(LoweringError, match=f"{version} is not an operator set"):
        converted(program(17, NORM), version)


def test_a_program_of_other_domains_alone_is_left_alone() -> None:
    head = '<ir_version: 8, opset_import: ["own": 1]> n'
    source = graph.parse(f"{head} (float[2] x) => (float[2] y) {{ y = own.Odd(x) }}")
    assert graph.opset(converted(source, 13)) == 0


def test_what_broadcast_by_an_axis_is_raised() -> None:
    old = program(
        6,
        "(float[2,3] x) => (float[2,3] y) { a = Add <axis = 0, broadcast = 1> (x, w) \n"
        " y = MatMul(a, v) }",
        ir_version=3,
        w=np.array([1, 2], np.float32),
        v=np.random.default_rng(0).random((3, 300), np.float32)[:, :3].copy(),
    )
    large = np.random.default_rng(1).random((3, 400), np.float32)
    old.graph.graph.initializers["v"].const_value = ir.tensor(large, name="v")
    old.graph.graph.initializers["v"].shape = ir.Shape(large.shape)
    made = converted(old, 13)
    assert made.graph.ir_version >= 7
    assert {"w", "v"} <= set(made.graph.graph.initializers)
    data = np.random.default_rng(2).random((2, 3), np.float32)
    want = (data + np.array([[1], [2]], np.float32)) @ large
    np.testing.assert_allclose(result(made, x=data), want, rtol=1e-5)


def test_an_ancient_program_that_cannot_be_raised_is_refused() -> None:
    branches = program(
        6,
        "(float[2,3] x, bool c) => (float[2,3] y) { y = If (c) <then_branch = f () => (p)"
        " { p = Neg(x) }, else_branch = g () => (q) { q = Abs(x) }> }",
    )
    odd = program(6, "(float[2,3] x) => (float[2,3] y) { y = Nonesuch(x) }")
    for source, reason in ((branches, "with branches"), (odd, "cannot be raised")):
        with pytest.raises(LoweringError, match=reason) as caught:
            converted(source, 13)
        assert "export it" in caught.value.fix


def test_large_weights_stay_where_they_are(tmp_path: Path) -> None:
    size = 1 << 12
    source = program(
        18,
        f"(float[1,{size}] x) => (float y) {{ a = MatMul(x, w) \n b = Mish(a) \n"
        " y = ReduceSum(b) }",
        w=np.ones((size, size), np.float32),
    )
    graph.save(source, tmp_path / "m.onnx")
    onnx.save_model(onnx.load(tmp_path / "m.onnx"), tmp_path / "e.onnx", save_as_external_data=True)
    loaded = graph.load(tmp_path / "e.onnx", "e")
    tracemalloc.start()
    made = converted(loaded, 13)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < size * size * 4 / 20
    tensor = made.graph.graph.initializers["w"].const_value
    assert isinstance(tensor, ir.ExternalTensor)
    assert graph.opset(made) == 13


TWICE = '<domain: "own", opset_import: ["": 17]> {name} (a) => (b) {{ c = Softmax(a) \n {last} }}'
PLAIN = TWICE.format(name="Twice", last="b = Add(c, c)")


def test_functions_are_inlined() -> None:
    source = program(
        17,
        "(float[2,3] x, bool t) => (float[2,3] y) { c = own.Twice(x) \n d = own.Twice(c) \n"
        " y = If (t) <then_branch = f () => (p) { p = own.Twice(d) },"
        " else_branch = g () => (q) { q = Neg(d) }> }",
        functions=PLAIN,
    )
    made = inlined(source)
    invariants(made)
    assert source.graph.functions
    assert not made.graph.functions
    assert "Twice" not in {n.op_type for n in made.graph.graph.all_nodes()}
    feeds = {"x": np.random.default_rng(0).random((2, 3), np.float32), "t": np.array(True)}
    np.testing.assert_allclose(result(made, **feeds), result(source, **feeds), rtol=1e-6)


def test_functions_that_call_and_attributes_that_are_handed_on_are_inlined() -> None:
    inner = (
        '<domain: "own", opset_import: ["": 17]> Leak <slope> (a) => (b)'
        " { b = LeakyRelu <alpha: float = @slope> (a) }"
    )
    outer = (
        '<domain: "own", opset_import: ["": 17, "own": 1]> Both <s: float = 0.25> (a) => (b, a2)'
        " { b = own.Leak <slope: float = @s> (a) \n a2 = Identity(a) }"
    )
    source = program(
        17,
        "(float[2,3] x) => (float[2,3] y) { a, b = own.Both <s = 0.5> (x) \n"
        " c, d = own.Both (b) \n y = Sub(a, c) }",
        functions=f"{inner} {outer}",
    )
    made = inlined(source)
    invariants(made)
    np.testing.assert_allclose(result(made), result(source), rtol=1e-6)
    assert sorted({n.op_type for n in made.graph.graph}) == ["Identity", "LeakyRelu", "Sub"]


def test_a_function_of_another_operator_set_is_converted_first() -> None:
    mean = (
        '<domain: "own", opset_import: ["": 13]> Mean (a) => (b)'
        " { b = ReduceMean <axes = [1], keepdims = 1> (a) }"
    )
    source = program(18, "(float[2,3] x) => (float[2,1] y) { y = own.Mean(x) }", functions=mean)
    made = inlined(source)
    assert [n.op_type for n in made.graph.graph] == ["Constant", "ReduceMean"]
    data = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_allclose(result(made, x=data), [[1], [4]])


def test_unused_functions_are_dropped_and_none_is_no_work() -> None:
    unused = program(17, "(float[2,3] x) => (float[2,3] y) { y = Neg(x) }", functions=PLAIN)
    assert not inlined(unused).graph.functions
    plain = program(17, "(float[2,3] x) => (float[2,3] y) { y = Neg(x) }")
    assert inlined(plain) is plain


def test_functions_that_cannot_be_inlined_stay() -> None:
    circle = (
        '<domain: "own", opset_import: ["": 17, "own": 1]> Twice (a) => (b) { b = own.Twice(a) }'
    )
    source = program(17, "(float[2,3] x) => (float[2,3] y) { y = own.Twice(x) }", functions=circle)
    assert inlined(source) is source


def test_an_output_that_a_function_hands_through_keeps_its_name() -> None:
    same = '<domain: "own", opset_import: ["": 17]> Same (a) => (a) { b = Neg(a) }'
    source = program(17, "(float[2,3] x) => (float[2,3] y) { y = own.Same(x) }", functions=same)
    made = inlined(source)
    invariants(made)
    data = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(result(made, x=data), data)


def test_names_within_functions_do_not_hide_those_of_branches() -> None:
    source = program(
        17,
        "(float[2,3] x, bool t) => (float[2,3] y) { e = own.Twice(x) \n"
        " y = If (t) <then_branch = f () => (p) { c = Neg(e) \n p = own.Twice(c) },"
        " else_branch = g () => (q) { c = Abs(e) \n q = Neg(c) }> }",
        functions=PLAIN,
    )
    made = inlined(source)
    invariants(made)
    for truth in (True, False):
        feeds = {"x": np.eye(2, 3, dtype=np.float32), "t": np.array(truth)}
        np.testing.assert_allclose(result(made, **feeds), result(source, **feeds), rtol=1e-6)


def test_outputs_that_a_call_leaves_out_are_still_read_within() -> None:
    pair = (
        '<domain: "own", opset_import: ["": 17]> Pair (a) => (c, b, c) { b = Neg(a) \n c = Abs(b) }'
    )
    source = program(
        17, "(float[2,3] x) => (float[2,3] y) { y, , z = own.Pair(x) }", functions=pair
    )
    made = inlined(source)
    invariants(made)
    np.testing.assert_allclose(result(made, x=-np.eye(2, 3, dtype=np.float32)), np.eye(2, 3))
