"""Where lanes run, and where they end."""

import numpy as np
import pytest

from mcompile import graph
from mcompile.quantize.lanes import lanes

from .chains import block, chain
from .nets import residual

W = np.ones((4, 4, 1, 1), np.float32)


def found(body, weights=None, shape="1,4,6,6"):
    text = f"""<ir_version: 9, opset_import: ["": 17]>
    net (float[{shape}] x) => (float[{shape}] y) {{ {body} }}"""
    program = graph.parse(text, {"w": W, **(weights or {})})
    graph.infer_shapes(program)
    return lanes(program.graph.graph)


def names(one):
    return {v.name for v in one.held}


def test_a_chain_is_one_set_of_lanes_for_each_value_between_layers():
    sets = lanes(chain().graph.graph)
    assert [names(s) for s in sets] == [{"a0", "a"}, {"d0", "d", "p"}, {"c0", "c", "t", "f"}]
    assert all(s.free.all() for s in sets)


def test_a_residual_stream_is_one_set_of_lanes():
    first, last = lanes(residual().graph.graph)
    assert names(first) == {"a0", "a", "b", "s", "p"}
    assert [e.node.outputs[0].name for e in first.makers()] == ["a0", "b"]
    assert [e.node.outputs[0].name for e in first.readers()] == ["b", "c0"]
    assert names(last) == {"c0", "c", "g", "f"}


def test_all_who_read_a_norm_share_its_lanes():
    norm = lanes(block().graph.graph)[0]
    assert names(norm) == {"n"}
    assert [e.node.outputs[0].name for e in norm.readers()] == ["q", "k", "v0"]
    assert norm.free.all()


@pytest.mark.parametrize(
    ("between", "why"),
    [
        ("b = Clip(a, zero, six)", "b is made by Clip"),
        ("b = Sigmoid(a)", "b is made by Sigmoid"),
        ("b = Mul(a, a)", "b is made by Mul"),
        ("b = Concat <axis = 0> (a, a)", "b is made by Concat"),
        ("b = PRelu(x, a)", "PRelu reads more than data from it"),
        ("b = Add(a, x)", "x is given"),
        ("b = Transpose <perm = [0,2,1,3]> (a)", "Conv y cannot take a factor in"),
    ],
)
def test_what_sees_a_factor_fixes_the_lanes(between, why):
    ends = {"zero": np.float32(0), "six": np.float32(6)}
    body = f"a = Conv(x, w) {between} c = Conv(a, w) y = Conv(b, w)"
    fixed = [s.fixed for s in found(body, ends)]
    assert any(why in reasons.values() for reasons in fixed)
    assert not any(s.free.any() for s in found(body, ends) if "a" in names(s))


def test_an_output_of_the_model_is_fixed():
    (only,) = found("y = Conv(x, w) c = Conv(y, w)")
    assert set(only.fixed.values()) == {"y leaves the graph"}


def test_a_branch_that_reads_a_value_fixes_it():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,4,6,6] x, bool on) => (float[1,4,6,6] y, float[1,4,6,6] z) {
      a = Conv(x, w)
      y = Conv(a, w)
      z = If (on) <
        then_branch = one () => (float[1,4,6,6] t) { t = Conv(a, w) },
        else_branch = two () => (float[1,4,6,6] e) { e = Identity(x) }
      >
    }"""
    program = graph.parse(text, {"w": W})
    graph.infer_shapes(program)
    assert not any(s.free.any() for s in lanes(program.graph.graph))


def test_a_weight_that_is_computed_fixes_the_lanes():
    body = "k = Relu(kernel) a = Conv(x, k) y = Conv(a, w)"
    (only,) = found(body, {"kernel": W})
    assert set(only.fixed.values()) == {"Conv a cannot take a factor in"}


def test_shapes_are_read_without_harm():
    (only,) = found("a = Conv(x, w) s = Shape(a) b = Reshape(a, s) y = Conv(a, w)")
    assert not any("Shape" in why for why in only.fixed.values())


def test_a_graph_without_layers_has_no_lanes():
    assert found("y = Relu(x)") == []
