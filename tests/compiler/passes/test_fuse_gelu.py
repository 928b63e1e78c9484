from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fuse_gelu import FuseGelu
from mcompile.rules import run

TOLERANCE = 1e-6
"""Of the largest output: a dozen float32 roundings."""

SLOPE = math.sqrt(2 / math.pi)
ERF = "d = Div(a, root) e = Erf(d) f = Add(e, one) m = Mul(a, f) y = Mul(m, half)"
TANH = """p = Pow(a, three) q = Mul(c, p) s = Add(a, q) u = Mul(slope, s) t = Tanh(u)
          f = Add(one, t) h = Mul(half, a) y = Mul(h, f)"""
SPELLINGS = {
    "erf": ERF,
    "times 0.7071": ERF.replace("Div(a, root)", "Mul(a, inverse)"),
    "half of x first": "h = Mul(half, a) d = Div(a, root) e = Erf(d) f = Add(one, e) y = Mul(h, f)",
    "half of the gate": """d = Div(a, root) e = Erf(d) f = Add(one, e) h = Mul(f, half)
                           y = Mul(h, a)""",
    "halved by Div": ERF.replace("Mul(m, half)", "Div(m, two)"),
    "as a sum": """d = Mul(inverse, a) e = Erf(d) h = Mul(a, half) g = Mul(h, e)
                   y = Add(h, g)""",
    "tanh": TANH,
    "tanh, x * x * x": TANH.replace("p = Pow(a, three)", "k = Mul(a, a) p = Mul(k, a)"),
    "tanh, Pow 2": TANH.replace("p = Pow(a, three)", "k = Pow(a, two) p = Mul(a, k)"),
    "tanh, x taken out": """k = Mul(a, c) p = Mul(k, a) s = Add(p, one) l = Mul(a, slope)
                            u = Mul(l, s) t = Tanh(u) f = Add(t, one) h = Mul(a, half)
                            y = Mul(h, f)""",
}


def numbers(dtype=np.float32):
    known = {"half": 0.5, "one": 1, "two": 2, "three": 3, "root": math.sqrt(2)}
    known |= {"inverse": math.sqrt(0.5), "c": 0.044715, "slope": SLOPE}
    return {name: dtype(value) for name, value in known.items()}


def gelu(spelling, kind="float"):
    return f"g ({kind}[n,6] x) => ({kind}[n,6] y) {{ a = Neg(x) {spelling} }}"


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_becomes_one_op(parse, body, far, name):
    program = parse(gelu(SPELLINGS[name]), opset=20, **numbers())
    before = graph.clone(program)
    log = run(program, [FuseGelu()])
    assert [(a.rule, a.node) for a in log.applied] == [("fuse_gelu", "y")]
    assert body(program) == ["a = Neg(x)", "y = Gelu(a)"]
    kind = program.graph.graph[1].attributes.get_string("approximate")
    assert kind == ("tanh" if "tanh" in name else "none")
    assert list(program.graph.graph.initializers) == []
    assert far(before, program) < TOLERANCE
    assert run(program, [FuseGelu()]).applied == ()


WRONG = [("erf", "root", 1.4156), ("erf", "half", 0.501), ("erf", "one", 1.01)]
WRONG += [("tanh", "c", 0.0448), ("tanh", "slope", 0.8), ("tanh", "three", 2), ("tanh", "one", 2)]


@pytest.mark.parametrize(("name", "constant", "value"), WRONG)
def test_one_wrong_number_makes_it_something_else(parse, far, name, constant, value):
    other = numbers() | {constant: np.float32(value)}
    wrong = parse(gelu(SPELLINGS[name]), opset=20, **other)
    log = run(wrong, [FuseGelu()])
    assert (log.applied, log.skipped) == ((), ())
    right = parse(gelu(SPELLINGS[name]), opset=20, **numbers())
    run(right, [FuseGelu()])
    assert far(wrong, right) > 10 * TOLERANCE


def test_numbers_written_with_few_digits_will_do(parse, far):
    short = numbers() | {"root": np.float32(1.4142), "slope": np.float32(0.79788)}
    for spelling in (ERF, TANH):
        program = parse(gelu(spelling), opset=20, **short)
        before = graph.clone(program)
        assert len(run(program, [FuseGelu()]).applied) == 1
        assert far(before, program) < 3e-5


@pytest.mark.parametrize("spelling", [ERF, TANH])
def test_half_precision_is_fused(parse, far, spelling):
    program = parse(gelu(spelling, "float16"), opset=20, **numbers(np.float16))
    before = graph.clone(program)
    assert len(run(program, [FuseGelu()]).applied) == 1
    assert far(before, program) < 2e-3


@pytest.mark.parametrize(
    ("text", "opset", "reason"),
    [
        (ERF, 17, "Gelu is an op since opset 20, this is 17"),
        (ERF + " z = Relu(e)", 20, "e has other readers"),
        (ERF.replace("e =", "z =").replace("(e,", "(z,"), 20, "z is an output"),
        (
            ERF.replace("one)", "ones)") + " z = Relu(x)",
            20,
            "ones may have more dimensions than a",
        ),
        (
            ERF.replace("y = Mul(m, half)", "y = Mul(m, halves)") + " z = Relu(x)",
            20,
            "halves may have more dimensions than a",
        ),
    ],
)
def test_it_says_why_it_stays(parse, body, text, opset, reason):
    high = {"ones": np.ones((1, 1, 1), np.float32), "halves": np.full((1, 1, 1), 0.5, np.float32)}
    outputs = "(y, z)" if "z =" in text else "(y)"
    head = f"g (float[n,6] x) => {outputs} {{ a = Neg(x) "
    program = parse(f"{head}{text} }}", opset=opset, **numbers(), **high)
    before = body(program)
    log = run(program, [FuseGelu()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("fuse_gelu", reason)]
    assert log.applied == ()
    assert body(program) == before


@pytest.mark.parametrize("spelling", [ERF, TANH])
def test_a_double_stays(parse, spelling):
    log = run(parse(gelu(spelling, "double"), opset=20, **numbers(np.float64)), [FuseGelu()])
    assert [s.reason for s in log.skipped] == [
        "Gelu holds its numbers as float32, and this is float64"
    ]


def test_a_branch_is_fused_and_what_it_takes_from_outside_stays(parse):
    text = """g (float[6] x, bool k) => (y) {{
        a = Neg(x) {outside}
        y = If (k) <
            then_branch = t () => (p) {{ {inside} m = Mul(a, f) p = Mul(m, half) }},
            else_branch = e () => (q) {{ q = Relu(a) }}
        >
    }}"""
    erf = "d = Div(a, root) e = Erf(d) f = Add(e, one)"
    log = run(parse(text.format(outside="", inside=erf), opset=20, **numbers()), [FuseGelu()])
    assert [a.node for a in log.applied] == ["p"]
    program = parse(text.format(outside=erf, inside=""), opset=20, **numbers())
    log = run(program, [FuseGelu()])
    assert [s.reason for s in log.skipped] == ["e is computed outside of this branch"]


def test_constants_that_a_caller_may_override_are_none(parse):
    text = gelu(ERF).replace("float[n,6] x", "float[n,6] x, float one")
    given_numbers = numbers()
    del given_numbers["one"]
    log = run(parse(text, opset=20, **given_numbers), [FuseGelu()])
    assert (log.applied, log.skipped) == ((), ())


def test_an_op_of_another_domain_is_not_an_erf(parse):
    text = gelu(ERF).replace("Erf(", "own.Erf(")
    head = '<ir_version: 8, opset_import: ["" : 20, "own" : 1]>'
    log = run(graph.parse(head + text, numbers()), [FuseGelu()])
    assert (log.applied, log.skipped) == ((), ())


@st.composite
def spelled(draw):
    """A GELU with its factors in a drawn order, each product either way round."""

    def both(op, one, other):
        return f"{op}({one}, {other})" if draw(st.booleans()) else f"{op}({other}, {one})"

    tanh = draw(st.booleans())
    lines = ["d = " + both("Mul", "a", "inverse"), "t = Erf(d)"]
    if tanh:
        lines = ["k = " + both("Mul", "a", "a"), "p = " + both("Mul", "k", "a")]
        lines += ["q = " + both("Mul", "p", "c"), "s = " + both("Add", "a", "q")]
        lines += ["u = " + both("Mul", "s", "slope"), "t = Tanh(u)"]
    lines.append("f = " + both("Add", "t", "one"))
    first, second, third = draw(st.permutations(["a", "f", "half"]))
    lines += ["m = " + both("Mul", first, second), "y = " + both("Mul", "m", third)]
    return " ".join(lines), draw(st.integers(1, 5)), draw(st.integers(0, 1 << 16))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(spelled())
def test_any_order_of_factors_computes_the_same_after(case):
    text, size, seed = case
    head = '<ir_version: 8, opset_import: ["" : 20]>'
    program = graph.parse(head + gelu(text), numbers())
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [FuseGelu()]).applied) == 1
    x = {"x": 3 * np.random.default_rng(seed).standard_normal((size, 6)).astype(np.float32)}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=2e-6 * float(np.abs(want).max() + 1))
