from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fuse_hardsigmoid import FuseHardsigmoid
from mcompile.passes.fuse_hardswish import FuseHardswish
from mcompile.rules import run

TOLERANCE = 1e-6
"""Of the largest output: four float32 roundings."""

CLIP = "t = Add(a, three) c = Clip(t, zero, six) "
GATE = "c = HardSigmoid<alpha = 0.16666667, beta = 0.5>(a) "
SPELLINGS = {
    "(x * c) / 6": CLIP + "m = Mul(a, c) y = Div(m, six)",
    "(c * x) * 1/6": CLIP + "m = Mul(c, a) y = Mul(m, sixth)",
    "x * (c / 6)": CLIP + "m = Div(c, six) y = Mul(a, m)",
    "(1/6 * c) * x": CLIP + "m = Mul(sixth, c) y = Mul(m, a)",
    "(x / 6) * c": CLIP + "m = Div(a, six) y = Mul(m, c)",
    "1/6 * (x * c)": CLIP + "m = Mul(a, c) y = Mul(sixth, m)",
    "x * gate": GATE + "y = Mul(a, c)",
    "gate * x": GATE + "y = Mul(c, a)",
}


def numbers(dtype=np.float32):
    known = {"three": 3, "zero": 0, "six": 6, "sixth": 1 / 6}
    return {name: dtype(value) for name, value in known.items()}


def swish(spelling, kind="float"):
    return f"g ({kind}[n,6] x) => ({kind}[n,6] y) {{ a = Neg(x) {spelling} }}"


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_becomes_one_op(parse, body, far, name):
    program = parse(swish(SPELLINGS[name]), **numbers())
    before = graph.clone(program)
    log = run(program, [FuseHardswish()])
    assert [(a.rule, a.node) for a in log.applied] == [("fuse_hardswish", "y")]
    assert body(program) == ["a = Neg(x)", "y = HardSwish(a)"]
    assert list(program.graph.graph.initializers) == []
    assert far(before, program) < TOLERANCE
    assert run(program, [FuseHardswish()]).applied == ()


def test_the_clip_of_the_first_opsets_has_its_limits_as_attributes(parse):
    text = SPELLINGS["(x * c) / 6"].replace("Clip(t, zero, six)", "Clip<min = 0.0, max = 6.0>(t)")
    log = run(parse(swish(text), opset=10, **numbers()), [FuseHardswish()])
    assert [s.reason for s in log.skipped] == ["HardSwish is an op since opset 14, this is 10"]


WRONG = [("three", 3.01), ("zero", 2.5), ("six", 3.5), ("sixth", 0.17)]


@pytest.mark.parametrize(("constant", "value"), WRONG)
def test_one_wrong_number_makes_it_something_else(parse, far, constant, value):
    text = swish(SPELLINGS["(c * x) * 1/6"])
    wrong = parse(text, **numbers() | {constant: np.float32(value)})
    log = run(wrong, [FuseHardswish()])
    assert (log.applied, log.skipped) == ((), ())
    right = parse(text, **numbers())
    run(right, [FuseHardswish()])
    assert far(wrong, right) > 10 * TOLERANCE


@pytest.mark.parametrize(
    "text",
    [
        "c = HardSigmoid(a) y = Mul(a, c)",
        "c = HardSigmoid<alpha = 0.16666667, beta = 0.4>(a) y = Mul(a, c)",
        "b = Relu(a) c = HardSigmoid<alpha = 0.16666667, beta = 0.5>(b) y = Mul(a, c)",
        "b = Relu(a) t = Add(b, three) c = Clip(t, zero, six) m = Mul(a, c) y = Div(m, six)",
        CLIP + "m = Mul(a, c) y = Div(six, m)",
        CLIP + "m = Mul(a, c) y = Mul(m, a)",
    ],
)
def test_a_gate_of_something_else_is_no_business_of_this_rule(parse, text):
    log = run(parse(swish(text), **numbers()), [FuseHardswish()])
    assert (log.applied, log.skipped) == ((), ())


def test_whole_numbers_divide_otherwise(parse):
    program = parse(swish(SPELLINGS["(x * c) / 6"], "int32"), **numbers(np.int32))
    log = run(program, [FuseHardswish()])
    assert (log.applied, log.skipped) == ((), ())


def test_half_precision_is_fused(parse, far):
    text = swish(SPELLINGS["(c * x) * 1/6"], "float16")
    program = parse(text, **numbers(np.float16))
    before = graph.clone(program)
    assert len(run(program, [FuseHardswish()]).applied) == 1
    assert far(before, program) < 2e-3


@pytest.mark.parametrize("name", ["(x * c) / 6", "x * gate"])
def test_a_double_stays(parse, name):
    log = run(parse(swish(SPELLINGS[name], "double"), **numbers(np.float64)), [FuseHardswish()])
    assert [s.reason for s in log.skipped] == [
        "HardSwish holds its numbers as float32, and this is float64"
    ]


@pytest.mark.parametrize(
    ("text", "opset", "reason"),
    [
        (SPELLINGS["x * gate"], 13, "HardSwish is an op since opset 14, this is 13"),
        (SPELLINGS["x * gate"] + " z = Relu(c)", 17, "c has other readers"),
        (SPELLINGS["x * (c / 6)"] + " z = Relu(m)", 17, "m has other readers"),
        ("z = HardSigmoid<alpha = 0.16666667>(a) y = Mul(a, z)", 17, "z is an output"),
        (
            SPELLINGS["(x * c) / 6"].replace("(m, six)", "(m, sixes)") + " z = Relu(x)",
            17,
            "sixes may have more dimensions than a",
        ),
    ],
)
def test_it_says_why_it_stays(parse, body, text, opset, reason):
    high = {"sixes": np.full((1, 1, 1), 6, np.float32)}
    outputs = "(y, z)" if "z =" in text else "(y)"
    text = f"g (float[n,6] x) => {outputs} {{ a = Neg(x) {text} }}"
    program = parse(text, opset=opset, **numbers(), **high)
    before = body(program)
    log = run(program, [FuseHardswish()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("fuse_hardswish", reason)]
    assert log.applied == ()
    assert body(program) == before


def test_a_branch_is_fused_and_what_it_takes_from_outside_stays(parse):
    text = """g (float[6] x, bool k) => (y) {{
        a = Neg(x) {outside}
        y = If (k) <
            then_branch = t () => (p) {{ {inside} p = Mul(a, c) }},
            else_branch = e () => (q) {{ q = Relu(a) }}
        >
    }}"""
    log = run(parse(text.format(outside="", inside=GATE)), [FuseHardswish()])
    assert [a.node for a in log.applied] == ["p"]
    log = run(parse(text.format(outside=GATE, inside="")), [FuseHardswish()])
    assert [s.reason for s in log.skipped] == ["c is computed outside of this branch"]


@st.composite
def chains(draw):
    """Swishes and gates in a row, some of whose inner values are read elsewhere too."""
    lines, last = [], "x"
    for k in range(draw(st.integers(1, 4))):
        text = draw(st.sampled_from([*SPELLINGS.values(), CLIP + "y = Div(c, six)"]))
        for name in ("t", "c", "m", "y"):
            text = text.replace(f"{name} =", f"{name}{k} =").replace(f"({name},", f"({name}{k},")
            text = text.replace(f" {name})", f" {name}{k})")
        lines.append(text.replace("(a", f"({last}").replace(" a)", f" {last})"))
        if draw(st.integers(0, 3)) == 0:
            lines.append(f"r{k} = Neg({draw(st.sampled_from(['c', 'y']))}{k})")
            lines.append(f"v{k} = Add(y{k}, r{k})")
        else:
            lines.append(f"v{k} = Identity(y{k})")
        last = f"v{k}"
    return " ".join(lines), last, draw(st.integers(13, 21)), draw(st.integers(0, 1 << 16))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(chains())
def test_the_order_of_gate_and_swish_does_not_matter_and_the_numbers_stay(case):
    text, last, opset, seed = case
    head = f'<ir_version: 8, opset_import: ["" : {opset}]>g (float[3,5] x) => (float[3,5] o) '
    source = graph.parse(f"{head}{{ {text} o = Neg({last}) }}", numbers())
    graph.infer_shapes(source)
    forward, backward = graph.clone(source), graph.clone(source)
    run(forward, [FuseHardsigmoid(), FuseHardswish()])
    run(backward, [FuseHardswish(), FuseHardsigmoid()])
    assert lines(forward) == lines(backward)
    x = {"x": 3 * np.random.default_rng(seed).standard_normal((3, 5)).astype(np.float32)}
    want, got = Oracle(source).run(x)["o"], Oracle(forward).run(x)["o"]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * float(np.abs(want).max() + 1))


def lines(program):
    return [
        (n.op_type, [v.name for v in n.inputs if v], [v.name for v in n.outputs], str(n.attributes))
        for n in program.graph.graph
    ]
