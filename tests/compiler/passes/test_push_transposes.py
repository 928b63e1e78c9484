from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.invariants import invariants
from mcompile.oracle import Oracle
from mcompile.passes.push_transposes import PushTransposes
from mcompile.rules import run

BACK = "Transpose<perm = [0, 3, 1, 2]>"
FORTH = "Transpose<perm = [0, 2, 3, 1]>"


def transposes(program):
    return sum(n.op_type == "Transpose" for n in program.graph.graph.all_nodes())


def wrapped(text, shape="2,3,4,5", outputs="y"):
    """Ops from `a` to `b` on data whose channels come last, between two Transposes."""
    return f"g (float[{shape}] x) => ({outputs}) {{ a = {FORTH}(x) {text} y = {BACK}(b) }}"


def test_what_stands_between_is_computed_in_the_other_order(parse, body, far):
    numbers = np.arange(3, dtype=np.float32)
    program = parse(wrapped("c = Add(a, k) b = Relu(c)"), k=numbers)
    before = graph.clone(program)
    log = run(program, [PushTransposes()])
    assert [(a.rule, a.node) for a in log.applied] == [("push_transposes", "a")]
    assert body(program) == ["c = Add(x, k_transposed)", "y = Relu(c)"]
    moved = graph.array(program.graph.graph.initializers["k_transposed"])
    np.testing.assert_array_equal(moved, numbers.reshape(1, 3, 1, 1))
    assert [graph.dims(v) for n in program.graph.graph for v in n.outputs] == [(2, 3, 4, 5)] * 2
    assert far(before, program) == 0.0
    assert run(program, [PushTransposes()]).applied == ()


def test_a_constant_that_is_moved_wrongly_would_be_seen(parse, far):
    numbers = np.arange(3, dtype=np.float32)
    program = parse(wrapped("b = Add(a, k)"), k=numbers)
    other = parse(wrapped("b = Add(a, k)"), k=np.roll(numbers, 1))
    run(program, [PushTransposes()])
    assert far(other, program) > 1e-2


FORMS = [
    ("b = Concat<axis = -1>(a, a)", {"axis": 1}),
    ("c = Concat<axis = 3>(a, k) b = Neg(c)", {"axis": 1}),
    ("c, d = Split<axis = 3, num_outputs = 2>(a) e = Neg(d) b = Sub(c, e)", None),
    ("b = Slice(a, one, three, minus)", None),
    ("b = Slice(a, starts, ends)", None),
    ("b = Slice(a, starts, ends, , steps)", None),
    ("b = Pad(a, pads)", None),
    ("b = Pad(a, pair, , minus)", None),
    ("b = ReduceMean(a, minus)", None),
    ("b = ReduceMax(a)", None),
    ("c = ArgMax<axis = -1>(a) b = Cast<to = 1>(c)", None),
    ("b = Softmax<axis = 1>(a)", {"axis": 2}),
    ("b = Where(yes, a, k)", None),
    ("c = QuantizeLinear<axis = 3>(a, scale, zero) b = DequantizeLinear<axis = -1>(c, scale, zero)",
     None),
    ("c = QuantizeLinear(a, flat) b = DequantizeLinear(c, flat)", None),
    ("b = Clip(a, low, high)", None),
    ("b = PRelu(a, scale)", None),
    ("c = Greater(a, low) d = Not(c) b = Cast<to = 1>(d)", None),
]  # fmt: skip
WEIGHTS = {
    "k": np.arange(2 * 4 * 5 * 3, dtype=np.float32).reshape(2, 4, 5, 3),
    "one": np.array([1]),
    "three": np.array([3]),
    "minus": np.array([-1]),
    "starts": np.array([0, 1, 2]),
    "ends": np.array([2, 4, 5]),
    "steps": np.array([1, 2, 1]),
    "pads": np.array([0, 1, 2, 0, 0, 0, 1, 3]),
    "pair": np.array([2, 1]),
    "yes": np.array([True, False, True]),
    "scale": np.float32([0.5, 0.25, 0.125]),
    "zero": np.array([1, 2, 3], np.uint8),
    "flat": np.float32(0.1),
    "low": np.float32(-0.5),
    "high": np.float32(0.5),
}


def used(text):
    return {k: v for k, v in WEIGHTS.items() if re.search(rf"\b{k}\b", text)}


@pytest.mark.parametrize(("text", "attributes"), FORMS)
def test_each_op_has_its_axes_renamed(parse, far, text, attributes):
    shape = "2,4,4,5" if "Split" in text else "2,3,4,5"
    program = parse(wrapped(text, shape), opset=18, **used(text))
    before = graph.clone(program)
    assert len(run(program, [PushTransposes()]).applied) == 1
    assert transposes(program) == 0
    invariants(program)
    node = program.graph.graph.node(0)
    for name, value in (attributes or {}).items():
        assert node.attributes[name].as_int() == value
    assert far(before, program) < 1e-6


GONE = [
    ("m = ReduceMean<keepdims = 0>(a, places)", 18),
    ("m = ReduceMean<axes = [1, 2], keepdims = 0>(a)", 17),
    ("m = ArgMax<axis = 3, keepdims = 0>(a)", 17),
    ("c = ReduceMax(a, places) m = Squeeze(c, places)", 18),
]


@pytest.mark.parametrize(("text", "opset"), GONE)
def test_where_the_moved_axes_go_no_transpose_is_left(parse, far, text, opset):
    full = f"g (float[2,3,4,5] x) => (y) {{ a = {FORTH}(x) {text} y = Abs(m) }}"
    given = {"places": np.array([-3, 2])} if "places" in text else {}
    program = parse(full, opset=opset, **given)
    before = graph.clone(program)
    run(program, [PushTransposes()])
    assert transposes(program) == 0
    assert far(before, program) < 1e-6


@pytest.mark.parametrize(
    ("text", "order", "left"),
    [
        ("b = MatMul(a, w)", [1, 0, 2], 0),
        ("b = LayerNormalization(a, g, g)", [1, 0, 2], 0),
        ("b = MatMul(a, w)", [0, 2, 1], 2),
        ("b = LayerNormalization(a, g, g)", [0, 2, 1], 2),
        ("b = Softmax(a)", [0, 2, 1], 2),
        ("c = ReduceMean<axes = [0], keepdims = 0>(a) b = Expand(c, s)", [1, 0, 2], 1),
    ],
)
def test_rows_stay_rows(parse, far, text, order, left):
    given = {
        "w": np.eye(4, dtype=np.float32) * 2,
        "g": np.arange(4, dtype=np.float32),
        "s": np.array([4, 4, 4]),
    }
    program = parse(
        f"g (float[4,4,4] x) => (y) {{ a = Transpose<perm = {order}>(x) {text} "
        f"y = Transpose<perm = {order}>(b) }}",
        **{k: v for k, v in given.items() if re.search(rf"\b{k}\b", text)},
    )
    before = graph.clone(program)
    run(program, [PushTransposes()])
    assert transposes(program) == left
    assert far(before, program) < 1e-6


def test_one_transpose_behind_a_concat_serves_for_all_before_it(parse, body, far):
    program = parse(
        f"""g (float[2,3,4,5] x, float[2,3,4,5] z) => (y) {{
            a = {FORTH}(x) b = {FORTH}(z) c = Relu(b) d = Concat<axis = 1>(a, c) y = Softmax(d)
        }}"""
    )
    before = graph.clone(program)
    run(program, [PushTransposes()])
    assert body(program) == [
        "c = Relu(z)",
        "d_transposed = Concat(x, c)",
        "d = Transpose(d_transposed)",
        "y = Softmax(d)",
    ]
    assert far(before, program) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        f"a = {FORTH}(x) y = Relu(a)",
        f"a = {FORTH}(x) b = Softmax(a) y = {BACK}(b)",
        f"a = {FORTH}(x) b = Mul(a, z) y = {BACK}(b)",
        f"a = {FORTH}(x) b = Neg(a) y = {BACK}(b) o = Softmax(b) p = Softmax(a)",
    ],
)
def test_where_no_transpose_would_fall_away_all_stays(parse, body, text):
    outputs = "y, o, p" if "o =" in text else "y"
    program = parse(f"g (float[2,3,4,5] x, float[3] z) => ({outputs}) {{ {text} }}")
    before = body(program)
    assert run(program, [PushTransposes()]).applied == ()
    assert body(program) == before


def test_outputs_and_other_readers_get_what_they_always_had(parse, far):
    program = parse(
        f"""g (float[2,3,4,5] x) => (y, b, z, o) {{
            a = {FORTH}(x) b = Relu(a) y = {BACK}(b) z = {BACK}(b) c = {BACK}(b) o = Abs(c)
        }}"""
    )
    before = graph.clone(program)
    run(program, [PushTransposes()])
    assert [v.name for v in program.graph.graph.outputs] == ["y", "b", "z", "o"]
    assert transposes(program) == 2
    invariants(program)
    assert far(before, program) == 0.0


def test_below_opset_13_it_says_why_nothing_is_done(parse, body):
    program = parse(wrapped("b = Relu(a)"), opset=12)
    before = body(program)
    log = run(program, [PushTransposes()])
    assert {s.reason for s in log.skipped} == {"axes are renamed as of opset 13, this is 12"}
    assert body(program) == before


def test_in_a_branch_what_comes_from_outside_stays_outside(parse, far):
    program = parse(
        f"""g (float[2,3,4,5] x, bool k) => (float[2,3,4,5] y) {{
            a = {FORTH}(x)
            y = If (k) <
                then_branch = t () => (float[2,3,4,5] p) {{ b = Relu(a) p = {BACK}(b) }},
                else_branch = e () => (float[2,3,4,5] q) {{ c = Neg(a) d = {BACK}(c) q = Abs(d) }}
            >
        }}"""
    )
    before = graph.clone(program)
    log = run(program, [PushTransposes()])
    assert len(log.applied) == 2
    assert transposes(program) == 0
    assert far(before, program) == 0.0


def test_free_sizes_are_no_hindrance(parse, far):
    program = parse(wrapped("c = ReduceMean<axes = [1]>(a) b = Sub(a, c)", "n,3,h,5"))
    before = graph.clone(program)
    run(program, [PushTransposes()])
    assert transposes(program) == 0
    assert far(before, program) < 1e-6


ORDERS = list(itertools.permutations(range(3)))
ROUND = {
    "unary": "v{k} = Neg({x})",
    "constant": "v{k} = Add({x}, number)",
    "vector": "v{k} = Mul({x}, vector)",
    "binary": "v{k} = Add({x}, {z})",
    "concat": "c{k} = Concat<axis = {axis}>({x}, {z}) v{k} = Slice(c{k}, zero, three, at{axis})",
    "split": "d{k} = Concat<axis = {axis}>({x}, {z}) s{k}, v{k} = Split<axis = {axis},"
    " num_outputs = 2>(d{k})",
    "softmax": "v{k} = Softmax<axis = {axis}>({x})",
    "mean": "m{k} = ReduceMean({x}, at{axis}) v{k} = Sub({z}, m{k})",
    "pooled": "m{k} = ReduceSum<keepdims = 0>({x}, at{axis}) n{k} = Unsqueeze(m{k}, at0)"
    " v{k} = Add(n{k}, {z})",
    "product": "v{k} = MatMul({x}, square)",
    "norm": "v{k} = LayerNormalization({x}, vector)",
    "there and back": "a{k} = Transpose<perm = {order}>({x}) b{k} = Tanh(a{k})"
    " v{k} = Transpose<perm = {back}>(b{k})",
}  # fmt: skip


@st.composite
def webs(draw):
    """Ops on cubes, so that all orders fit, each reading one or two of the values before it."""
    made, lines = ["x"], []
    for k in range(draw(st.integers(2, 10))):
        one, other = draw(st.sampled_from(made[-3:])), draw(st.sampled_from(made[-3:]))
        order = draw(st.sampled_from(ORDERS[1:]))
        if draw(st.booleans()):
            lines.append(f"v{k} = Transpose<perm = {list(order)}>({one})")
        else:
            kind, axis = draw(st.sampled_from(sorted(ROUND))), draw(st.integers(0, 2))
            back = [order.index(a) for a in range(3)]
            text = ROUND[kind].format(k=k, x=one, z=other, axis=axis, order=list(order), back=back)
            lines.append(text)
        made.append(f"v{k}")
    outputs = [made[-1], *draw(st.lists(st.sampled_from(made[1:]), max_size=2))]
    outputs = list(dict.fromkeys(outputs))
    size = draw(st.sampled_from(["3,3,3", "n,3,3"]))
    return f"g (float[{size}] x) => ({', '.join(outputs)}) {{ {' '.join(lines)} }}"


CUBE = {
    "number": np.float32(0.5),
    "vector": np.float32([1, -2, 3]),
    "zero": np.array([0]),
    "three": np.array([3]),
    "square": np.arange(9, dtype=np.float32).reshape(3, 3) / 9,
    **{f"at{k}": np.array([k]) for k in range(3)},
}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(webs())
def test_any_web_computes_the_same_with_no_more_transposes(text):
    source = graph.parse(f'<ir_version: 8, opset_import: ["" : 18]>{text}', CUBE)
    graph.infer_shapes(source)
    program, count = graph.clone(source), transposes(source)
    while (log := run(program, [PushTransposes()], limit=1)).applied:
        assert not log.undone
        assert transposes(program) < count
        count = transposes(program)
        invariants(program)
    assert run(program, [PushTransposes()]).applied == ()
    x = {"x": np.random.default_rng(0).standard_normal((3, 3, 3), np.float32)}
    want, got = Oracle(source).run(x), Oracle(program).run(x)
    assert list(want) == list(got)
    for name, expected in want.items():
        scale = float(np.abs(expected).max() + 1)
        np.testing.assert_allclose(got[name], expected, rtol=0, atol=1e-5 * scale)
