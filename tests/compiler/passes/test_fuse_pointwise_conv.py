from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.invariants import invariants
from mcompile.oracle import Oracle
from mcompile.passes.fuse_pointwise_conv import FusePointwiseConv
from mcompile.passes.push_transposes import PushTransposes
from mcompile.rules import run

TOLERANCE = 1e-5
BACK = "Transpose<perm = [0, 3, 1, 2]>"
FORTH = "Transpose<perm = [0, 2, 3, 1]>"
PERCEPTRON = (
    f"a = {FORTH}(x) m = MatMul(a, w) h = Add(m, b) r = Relu(h)"
    f" n = MatMul(r, v) o = Add(c, n) y = {BACK}(o)"
)
NORMED = PERCEPTRON.replace("m = MatMul(a,", "l = LayerNormalization(a, c, c) m = MatMul(l,")


def numbers(dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"w": (3, 6), "b": (6,), "v": (6, 3), "c": (3,)}
    return {k: rng.standard_normal(s).astype(dtype) for k, s in shapes.items()}


def model(text, kind="float", shape="2,3,4,5", outputs="y"):
    return f"g ({kind}[{shape}] x) => ({outputs}) {{ {text} }}"


def test_a_perceptron_between_transposes_becomes_convolutions(parse, body, far):
    program = parse(model(PERCEPTRON), **numbers())
    before = graph.clone(program)
    log = run(program, [FusePointwiseConv()])
    assert [(a.rule, a.node) for a in log.applied] == [("fuse_pointwise_conv", "a")]
    assert body(program) == [
        "m = Conv(x, w_kernel, h_bias)",
        "r = Relu(m)",
        "y = Conv(r, v_kernel, y_bias)",
    ]
    kernel = graph.array(program.graph.graph.initializers["w_kernel"])
    np.testing.assert_array_equal(kernel[:, :, 0, 0], numbers()["w"].T)
    assert far(before, program) < TOLERANCE
    assert run(program, [FusePointwiseConv()]).applied == ()


def test_a_norm_over_channels_keeps_its_order_and_no_transpose_is_added(parse, body, far):
    program = parse(model(NORMED), **numbers())
    before = graph.clone(program)
    assert len(run(program, [FusePointwiseConv()]).applied) == 1
    assert body(program) == [
        "a = Transpose(x)",
        "l = LayerNormalization(a, c, c)",
        "l_transposed = Transpose(l)",
        "m = Conv(l_transposed, w_kernel, h_bias)",
        "r = Relu(m)",
        "y = Conv(r, v_kernel, y_bias)",
    ]
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize("name", ["w", "b", "v", "c"])
def test_one_wrong_number_would_be_seen(parse, far, name):
    program = parse(model(PERCEPTRON), **numbers())
    run(program, [FusePointwiseConv()])
    other = numbers()
    other[name].flat[0] += 0.01
    assert far(parse(model(PERCEPTRON), **other), program) > 10 * TOLERANCE


def test_sums_of_two_products_and_a_product_without_a_bias_are_read(parse, body, far):
    text = f"a = {FORTH}(x) m = MatMul(a, w) n = MatMul(a, u) s = Add(m, n) y = {BACK}(s)"
    known = {"w": numbers()["w"], "u": numbers(seed=1)["w"]}
    program = parse(model(text), **known)
    before = graph.clone(program)
    run(program, [FusePointwiseConv()])
    assert body(program) == ["m = Conv(x, w_kernel)", "n = Conv(x, u_kernel)", "y = Add(m, n)"]
    assert far(before, program) < TOLERANCE


def test_half_precision_stays_half_and_double_has_no_such_convolution(parse, far):
    program = parse(model(PERCEPTRON, "float16"), **numbers(np.float16))
    before = graph.clone(program)
    assert len(run(program, [FusePointwiseConv()]).applied) == 1
    assert {v.dtype.name for v in program.graph.graph.initializers.values()} == {"FLOAT16"}
    assert far(before, program) < 5e-3
    program = parse(model(PERCEPTRON, "double"), **numbers(np.float64))
    assert run(program, [FusePointwiseConv()]).applied == ()


def test_free_sizes_are_no_hindrance(parse, far):
    program = parse(model(NORMED, shape="n,3,h,4"), **numbers())
    before = graph.clone(program)
    assert len(run(program, [FusePointwiseConv()]).applied) == 1
    assert far(before, program) < TOLERANCE


def test_a_bias_that_others_read_and_an_output_in_the_middle_stay_right(parse, far):
    text = PERCEPTRON + " z = Neg(b)"
    program = parse(model(text, outputs="y, z, h"), **numbers())
    before = graph.clone(program)
    run(program, [FusePointwiseConv()])
    invariants(program)
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (PERCEPTRON.replace(", v)", ", w2)").replace(", w)", ", w2)"), {"w2": np.eye(3)}),
        (f"a = {FORTH}(x) m = MatMul(a, rows) y = {BACK}(m)", {}),
        (f"a = {FORTH}(x) n = Softmax(a) m = MatMul(n, w) y = Softmax(m)", {}),
    ],
)
def test_what_is_no_such_product_or_gains_nothing_stays(parse, body, text, more):
    known = numbers() | {"rows": np.ones((2, 4, 3, 6))} | more
    given = {k: v.astype(np.float32) for k, v in known.items() if re.search(rf"\b{k}\b", text)}
    if "w2" in given:
        given["b"] = given["b"][:3]
    program = parse(model(text), **given)
    before = body(program)
    assert run(program, [FusePointwiseConv()]).applied == ()
    assert body(program) == before


def test_it_is_made_for_runtimes_that_gain():
    rule = FusePointwiseConv()
    assert rule.serves("onnxruntime")
    assert rule.serves("openvino")
    assert not rule.serves("microcontroller")


def test_below_opset_13_it_stays(parse, body):
    program = parse(model(PERCEPTRON), opset=12, **numbers())
    before = body(program)
    assert run(program, [FusePointwiseConv()]).applied == ()
    assert body(program) == before


PIECES = {
    "product": "m{k} = MatMul({x}, w{k}) v{k} = Add(m{k}, b)",
    "bare": "v{k} = MatMul({x}, w{k})",
    "scale": "v{k} = Mul({x}, b)",
    "relu": "v{k} = Relu({x})",
    "norm": "v{k} = LayerNormalization({x}, b, b)",
    "sum": "v{k} = Add({x}, {z})",
    "conv": "c{k} = Conv({x}, one) v{k} = Tanh(c{k})",
    "back": "v{k} = Transpose<perm = [0, 3, 1, 2]>({x})",
    "forth": "v{k} = Transpose<perm = [0, 2, 3, 1]>({x})",
}


@st.composite
def nets(draw):
    made, lines = ["x"], []
    for k in range(draw(st.integers(3, 12))):
        one, other = draw(st.sampled_from(made[-2:])), draw(st.sampled_from(made[-3:]))
        kind = draw(st.sampled_from([*sorted(PIECES), "back", "forth", "forth"]))
        lines.append(PIECES[kind].format(k=k, x=one, z=other))
        made.append(f"v{k}")
    outputs = dict.fromkeys([made[-1], draw(st.sampled_from(made[1:]))])
    return f"g (float[2,3,3,3] x) => ({', '.join(outputs)}) {{ {' '.join(lines)} }}"


def cubes():
    rng = np.random.default_rng(0)
    known = {f"w{k}": rng.standard_normal((3, 3)).astype(np.float32) for k in range(12)}
    kernel = rng.standard_normal((3, 3, 1, 1)).astype(np.float32)
    return known | {"b": np.float32([0.5, 1, -1]), "one": kernel}


def canonical(program):
    """The graph as text, with each constant as its value: names of constants say nothing."""
    lines = []
    for node in program.graph.graph:
        read = [repr(graph.array(v)) if graph.is_constant(v) else v.name for v in node.inputs]
        lines.append(f"{[v.name for v in node.outputs]} = {node.op_type}{read} {node.attributes}")
    return [*lines, *(v.name for v in program.graph.graph.outputs)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(nets())
def test_any_net_computes_the_same_whichever_rule_is_asked_first(text):
    source = graph.parse(f'<ir_version: 8, opset_import: ["" : 18]>{text}', cubes())
    graph.infer_shapes(source)
    forward, backward = graph.clone(source), graph.clone(source)
    log = run(forward, [FusePointwiseConv(), PushTransposes()])
    run(backward, [PushTransposes(), FusePointwiseConv()])
    assert not log.undone
    invariants(forward)
    assert canonical(forward) == canonical(backward)
    count = [sum(n.op_type == "Transpose" for n in p.graph.graph) for p in (source, forward)]
    assert count[1] <= count[0]
    assert run(forward, [FusePointwiseConv(), PushTransposes()]).applied == ()
    x = {"x": np.random.default_rng(1).standard_normal((2, 3, 3, 3), np.float32)}
    want, got = Oracle(source).run(x), Oracle(forward).run(x)
    for name, expected in want.items():
        scale = float(np.abs(expected).max() + 1)
        np.testing.assert_allclose(got[name], expected, rtol=0, atol=1e-4 * scale)
