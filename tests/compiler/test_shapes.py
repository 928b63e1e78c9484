"""Shapes of inner values as ONNX infers them, whatever else the model holds."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile import graph, shapes


def value(made, name):
    body = made.graph.graph
    return next(v for n in body.all_nodes() for v in n.outputs if v.name == name)


def parsed(text, **weights):
    made = graph.parse(f'<ir_version: 8, opset_import: ["": 17]> {text}', weights)
    shapes.infer(made.graph)
    return made


def test_large_constants_tell_their_shape_and_stay():
    large = np.zeros((8, 3, 5, 5), np.float32)
    made = parsed("g (float[n,3,9,9] x) => (y) { a = Conv(x, w) y = Relu(a) }", w=large)
    assert graph.dims(value(made, "a")) == ("n", 8, 5, 5)
    assert graph.dtype_of(value(made, "y")) == "float32"
    assert [v.name for v in made.graph.graph.inputs] == ["x"]
    assert graph.array(made.graph.graph.initializers["w"]).shape == (8, 3, 5, 5)


def test_small_constants_are_read():
    made = parsed("g (float[2,6] x) => (y) { y = Reshape(x, s) }", s=np.array([3, -1]))
    assert graph.dims(value(made, "y")) == (3, 4)


def test_sequences_keep_their_type_and_the_rest_is_inferred():
    made = parsed(
        """g (float[2,6] x) => (y) {
            a = Relu(x) s = SequenceConstruct(a, a)
            b = ConcatFromSequence <axis = 0> (s) y = Relu(b)
        }"""
    )
    assert graph.dims(value(made, "a")) == (2, 6)
    assert len(graph.dims(value(made, "y"))) == 2
    assert not isinstance(value(made, "s").type, ir.TensorType)


def test_branches_are_inferred_too():
    made = parsed(
        """g (float[2,6] x, bool c) => (y) { y = If (c) <
            then_branch = t () => (p) { q = Transpose(x) p = Relu(q) },
            else_branch = f () => (r) { r = Transpose(x) }
        > }"""
    )
    assert graph.dims(value(made, "q")) == (6, 2)
    assert graph.dims(value(made, "r")) == (6, 2)


def test_what_cannot_be_followed_is_left_as_it_was():
    made = parsed("g (float[2,6] x) => (y) { a = Relu(x) y = Unheard(a) }")
    assert value(made, "y").shape is None
    made.graph.opset_imports[""] = 999
    before = str(ir.to_proto(made.graph))
    shapes.infer(made.graph)
    assert str(ir.to_proto(made.graph)) == before


def test_a_second_look_changes_nothing():
    made = parsed("g (float[n,3] x) => (y) { a = Relu(x) y = Transpose(a) }")
    before = str(ir.to_proto(made.graph))
    shapes.infer(made.graph)
    assert str(ir.to_proto(made.graph)) == before


def test_a_long_vector_is_not_followed_entry_by_entry():
    text = """g (float[1] x) => (y) {
        a = ConstantOfShape(n) b = Add(a, x) c = Mul(b, b) y = Reshape(c, s)
    }"""
    made = parsed(text, n=np.array([300_000_000]), s=np.array([2, -1]))
    assert graph.dims(value(made, "c")) == (300_000_000,)
    assert graph.dims(value(made, "y")) == (2, 150_000_000)


def test_norms_that_the_standard_does_not_follow_keep_the_shape():
    ones = np.ones(4, np.float32)
    for version in (18, 21):
        made = graph.parse(
            f"""<ir_version: 9, opset_import: ["": {version}]> g (float16[n,4,3] x) => (y) {{
                a = GroupNormalization <num_groups = 2> (x, s, b)
                c = MeanVarianceNormalization (a)
                y = Transpose (c)
            }}""",
            {"s": ones[: 2 if version == 18 else 4], "b": ones[: 2 if version == 18 else 4]},
        )
        shapes.infer(made.graph)
        assert graph.dims(value(made, "a")) == ("n", 4, 3)
        assert graph.dims(value(made, "y")) == (3, 4, "n")
        assert graph.dtype_of(value(made, "y")) == "float16"
        assert next(n.op_type for n in made.graph.graph) == "GroupNormalization"
        assert len(made.graph.graph[0].inputs) == 3
