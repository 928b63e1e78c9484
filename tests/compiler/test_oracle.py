from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.errors import SourceError
from mcompile.oracle import Oracle, evaluate, size_of, unknown_ops

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
OPSETS = {"": 17}


def node(op, inputs, outputs=1, **attributes):
    attrs = [ir.AttrInt64(k, v) for k, v in attributes.items()]
    read = [None if i is None else ir.val(f"v{k}") for k, i in enumerate(inputs)]
    made = ir.Node("", op, read, attrs, num_outputs=outputs)
    ir.Graph([v for v in read if v], made.outputs, nodes=[made])
    return made


def compute(op, *inputs, **rest):
    return evaluate(node(op, inputs, **rest), inputs, OPSETS)


@pytest.mark.parametrize("size", [4, 4096])
def test_weights_small_and_large_are_read_as_written(size):
    weights = np.arange(size, dtype=np.float32)
    text = HEAD + f"g (float[{size}] x) => (float[{size}] y) {{ a = Mul(x, w) y = Add(a, w) }}"
    program = graph.parse(text, {"w": weights})
    x = np.full(size, 2, np.float32)
    np.testing.assert_array_equal(Oracle(program).run({"x": x})["y"], 3 * weights)


def test_inner_values_are_returned_when_asked_for():
    program = graph.parse(HEAD + "g (float[2] x) => (float[2] y) { a = Neg(x) y = Abs(a) }")
    found = Oracle(program, also=["a", "y"]).run({"x": np.float32([1, -2])})
    assert list(found) == ["y", "a"]
    np.testing.assert_array_equal(found["a"], [-1, 2])


def test_a_model_that_cannot_be_loaded_is_refused_with_its_name():
    program = graph.parse(HEAD + "g (float[2] x) => (float[2] y) { y = Nothing(x) }", name="net")
    with pytest.raises(SourceError, match="cannot load this model") as caught:
        Oracle(program)
    assert caught.value.where.startswith("net: ")


def test_one_node_is_computed_by_itself():
    (found,) = compute("Add", np.float32([1, 2]), np.float32(3))
    np.testing.assert_array_equal(found, np.float32([4, 5]))
    parts = compute("Split", np.arange(4), outputs=2)
    np.testing.assert_array_equal(parts, [[0, 1], [2, 3]])
    (clipped,) = compute("Clip", np.float32([-1, 5]), None, np.float32(2))
    np.testing.assert_array_equal(clipped, np.float32([-1, 2]))


def test_a_node_the_runtime_cannot_compute_says_so():
    with pytest.raises(SourceError, match="Reshape cannot be computed: "):
        compute("Reshape", np.ones(3, np.float32), np.array([2]))
    with pytest.raises(SourceError, match="Nothing cannot be computed: "):
        compute("Nothing", np.ones(3, np.float32))


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        ("Expand", (np.float32([1, 2]), np.array([3, 2]))),
        ("ConstantOfShape", (np.array([5, 7]),)),
        ("Tile", (np.ones((2, 3), np.int64), np.array([4, 5]))),
        ("Range", (np.array(0), np.array(10), np.array(3))),
        ("Add", (np.ones((4, 1), np.float16), np.ones((1, 6), np.float16))),
    ],
)
def test_the_size_of_a_value_is_known_before_it_is_computed(op, inputs):
    (found,) = compute(op, *inputs)
    assert size_of(node(op, inputs), inputs, OPSETS) == found.nbytes


def test_a_size_that_depends_on_data_is_unknown():
    data = np.ones((100, 3), np.float32)
    assert size_of(node("NonZero", [data]), [data], OPSETS) == 0
    assert size_of(node("Nothing", [data]), [data], OPSETS) == 0


def test_ops_that_nothing_here_can_run_are_told_branches_included():
    head = '<ir_version: 8, opset_import: ["" : 17, "my.lib" : 1, "com.microsoft" : 1]>'
    program = graph.parse(
        head + "g (float[2] x, bool c) => (float[2] y) { a = my.lib.B(x) b = com.microsoft.Gelu(a)"
        " y = If (c) <then_branch = t () => (float[2] p) { p = my.lib.A(b) },"
        " else_branch = e () => (float[2] q) { q = my.lib.B(b) }> }"
    )
    assert unknown_ops(program) == ["my.lib.A", "my.lib.B"]


def test_a_function_of_the_model_can_be_run():
    program = graph.parse(
        '<ir_version: 8, opset_import: ["" : 17, "mine" : 1]>'
        " g (float[2] x) => (float[2] y) { y = mine.twice(x) }"
        ' <domain: "mine", opset_import: ["" : 17]> twice (a) => (b) { b = Add(a, a) }'
    )
    assert unknown_ops(program) == []


def test_a_number_without_axes_may_be_numpys_own_scalar():
    text = '<ir_version: 9, opset_import: ["": 17]> n (float x) => (float y) { y = Neg(x) }'
    assert Oracle(graph.parse(text)).run({"x": np.float32(2)})["y"] == -2


def test_a_model_that_does_not_run_names_the_node():
    text = HEAD + "g (float[2,3] x, int64[1] i) => (float[1,3] y) { y = Gather <axis = 0> (x, i) }"
    oracle = Oracle(graph.parse(text))
    with pytest.raises(SourceError, match=r"does not run: .*out of data bounds") as caught:
        oracle.run({"x": np.ones((2, 3), np.float32), "i": np.int64([7])})
    assert caught.value.where == "node  (Gather)"
    assert caught.value.fix
    with pytest.raises(SourceError, match=r"the model does not run: .*i") as caught:
        oracle.run({"x": np.ones((2, 3), np.float32)})
    assert caught.value.where == "the reference runtime"
