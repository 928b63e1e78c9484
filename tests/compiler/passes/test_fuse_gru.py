from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fuse_gru import FuseGru
from mcompile.rules import run

TOLERANCE = 2e-6
"""Of the largest output: float32 sums of a few dozen products, through three gates each."""

INPUTS, WIDTH = 3, 5
GATES = {
    "joined": """a{t} = Gemm<transB = 1>(x{t}, w, p) b{t} = Gemm<transB = 1>({h}, r, q)
        xr{t}, xz{t}, xn{t} = Split<axis = 1>(a{t}, sizes)
        hr{t}, hz{t}, hn{t} = Split<axis = 1>(b{t}, sizes)""",
    "apart": " ".join(
        f"x{g}{{t}} = Gemm(x{{t}}, w{g}, p{g}) h{g}{{t}} = Gemm({{h}}, r{g}, q{g})" for g in "rzn"
    ),
}
INNER = """r{t} = Add(hr{t}, xr{t}) sr{t} = Sigmoid(r{t}) z{t} = Add(hz{t}, xz{t})
    sz{t} = Sigmoid(z{t}) m{t} = Mul(hn{t}, sr{t}) n{t} = Add(xn{t}, m{t}) tn{t} = Tanh(n{t})"""
BLENDS = {
    "moved": "d{t} = Sub({h}, tn{t}) e{t} = Mul(d{t}, sz{t}) h{t} = Add(e{t}, tn{t})",
    "mixed": """k{t} = Sub(unit, sz{t}) d{t} = Mul(k{t}, tn{t}) e{t} = Mul(sz{t}, {h})
        h{t} = Add(d{t}, e{t})""",
}


def weights(inputs=INPUTS, width=WIDTH, seed=0, batch=2):
    rng = np.random.default_rng(seed)
    draw = lambda *shape: rng.standard_normal(shape).astype(np.float32)  # noqa: E731
    w, r, p, q = draw(3 * width, inputs), draw(3 * width, width), draw(3 * width), draw(3 * width)
    found = {"w": w, "r": r, "p": p, "q": q, "h_0": draw(batch, width), "unit": np.float32(1)}
    for k, g in enumerate("rzn"):
        rows = slice(k * width, (k + 1) * width)
        found |= {f"w{g}": w[rows].T.copy(), f"r{g}": r[rows].T.copy()}
        found |= {f"p{g}": p[rows], f"q{g}": q[rows], f"k{g}": np.tile(q[rows], (batch, 1))}
    return found | {"zeros": np.zeros((batch, width), np.float32), "sizes": np.full(3, width)}


def steps(count, gates="joined", blend="moved", h="h_0"):
    text = [f"x{t} = Gather<axis = 0>(x, at{t})" for t in range(count)]
    for t in range(count):
        text.append((GATES[gates] + INNER + " " + BLENDS[blend]).format(t=t, h=h))
        h = f"h{t}"
    return " ".join(text)


def model(text, outputs, count=4, inputs=INPUTS, batch=2, kind="float", more=""):
    rest = ", ".join(f"{kind}[k, l] {name}" for name in outputs)
    return f"g ({kind}[{count}, {batch}, {inputs}] x{more}) => ({rest}) {{ {text} }}"


def places(count):
    return {f"at{t}": np.array(t) for t in range(count)}


@pytest.mark.parametrize("gates", GATES)
@pytest.mark.parametrize("blend", BLENDS)
def test_steps_become_one_gru(parse, body, far, gates, blend):
    program = parse(model(steps(4, gates, blend), ["h3"]), **weights(), **places(4))
    before = graph.clone(program)
    log = run(program, [FuseGru()])
    assert [(a.rule, a.node) for a in log.applied] == [("fuse_gru", "h3")]
    lines = body(program)
    assert sorted(lines[:-2]) == sorted(
        [
            *(f"x{t} = Gather(x, at{t})" for t in range(4)),
            *(f"x{t}_unsqueeze = Unsqueeze(x{t}, axis_0)" for t in range(4)),
            "h_0_unsqueeze = Unsqueeze(h_0, axis_0)",
            f"x0_unsqueeze_concat = Concat({', '.join(f'x{t}_unsqueeze' for t in range(4))})",
        ]
    )
    assert lines[-2:] == [
        "h3_all, h3_last = GRU(x0_unsqueeze_concat, h3_input_weight, h3_hidden_weight, h3_bias, , "
        "h_0_unsqueeze)",
        "h3 = Squeeze(h3_last, axis_0)",
    ]
    assert far(before, program) < TOLERANCE
    assert run(program, [FuseGru()]).applied == ()


def test_every_step_can_be_read(parse, far):
    program = parse(
        model(steps(5) + " y = Neg(h2)", ["h0", "y", "h4"], 5), **weights(), **places(5)
    )
    before = graph.clone(program)
    assert len(run(program, [FuseGru()]).applied) == 1
    assert [v.name for v in program.graph.graph.outputs] == ["h0", "y", "h4"]
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize("blend", BLENDS)
def test_a_first_step_from_zeros_may_have_lost_its_product(parse, body, far, blend):
    text = steps(4, "apart", blend, "zeros")
    for g in "rzn":
        text = text.replace(f"h{g}0 = Gemm(zeros, r{g}, q{g})", "").replace(f"(h{g}0,", f"(k{g},")
    program = parse(model(text, ["h3"]), **weights(), **places(4))
    before = graph.clone(program)
    assert len(run(program, [FuseGru()]).applied) == 1
    assert body(program)[-2].endswith(" h3_input_weight, h3_hidden_weight, h3_bias)")
    assert far(before, program) < TOLERANCE


def test_zeros_that_are_spread_over_the_batch_are_zeros(parse, body, far):
    text = "b = Shape<start = 1, end = 2>(x) e = Concat<axis = 0>(b, five) s0 = Expand(nil, e)"
    text += steps(4, h="s0").replace("Sub(s0,", "Sub(nil,")
    more = {"nil": np.zeros((1, 1), np.float32), "five": np.array([WIDTH])}
    program = parse(model(text, ["h3"], batch="n"), **weights(), **places(4), **more)
    before = graph.clone(program)
    assert len(run(program, [FuseGru()]).applied) == 1
    assert body(program)[-2].endswith(" h3_input_weight, h3_hidden_weight, h3_bias)")
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (steps(3), "3 steps: it pays from 4 on"),
        (steps(4) + " y = Neg(tn1)", "tn1 has other readers"),
        (steps(4).replace("sz2 ", "y ").replace(" sz2)", " y)"), "y is an output"),
        (steps(4).replace("(x1, w,", "(x1, other,"), "h1 has other weights"),
        (
            steps(4).replace("x1 =", "e = Gather(x, at1) y = Gemm(h0, back) x1 = Add(e, y) f ="),
            "x1 depends on an earlier step",
        ),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    outputs = ["h3" if "h3 " in text else "h2"] + (["y"] if " y =" in text else [])
    more = {"other": weights(seed=3)["w"], "back": np.ones((WIDTH, INPUTS), np.float32)}
    program = parse(model(text, outputs), **weights(), **places(4), **more)
    before = body(program)
    log = run(program, [FuseGru()])
    assert reason in [s.reason for s in log.skipped]
    assert (log.applied, body(program)) == ((), before)


def test_weights_that_come_at_run_time_are_left_alone(parse):
    known = weights()
    del known["r"]
    text = model(steps(4), ["h3"], more=f", float[{3 * WIDTH}, {WIDTH}] r")
    log = run(parse(text, **known, **places(4)), [FuseGru()])
    assert [s.reason for s in log.skipped] == ["r is only known at run time"]


def test_other_types_are_left_alone(parse):
    known = {n: v.astype(np.float64) if v.dtype == np.float32 else v for n, v in weights().items()}
    program = parse(model(steps(4), ["h3"], kind="double"), **known, **places(4))
    log = run(program, [FuseGru()])
    assert [s.reason for s in log.skipped] == ["h3 is no float32"]


def test_opset_12_is_left_alone(parse):
    program = parse(model(steps(4, "apart"), ["h3"]), opset=12, **weights(), **places(4))
    log = run(program, [FuseGru()])
    assert [s.reason for s in log.skipped] == ["it takes opset 13, this is 12"]


@pytest.mark.parametrize(
    "text",
    [
        steps(1),
        steps(4).replace("Tanh", "Relu"),
        steps(4, blend="mixed").replace("(unit,", "(two,"),
        steps(4).replace("Mul(hn", "Sub(hn"),
    ],
)
def test_any_other_net_is_no_business_of_this_rule(parse, text):
    output = "h3" if "h3 " in text else "h0"
    program = parse(model(text, [output]), **weights(), **places(4), two=np.float32(2))
    log = run(program, [FuseGru()])
    assert (log.applied, log.skipped) == ((), ())


@pytest.mark.parametrize("name", ["w", "r", "p", "q"])
def test_one_wrong_number_would_be_seen(parse, far, name):
    program = parse(model(steps(4), ["h3"]), **weights(), **places(4))
    run(program, [FuseGru()])
    other = weights()
    other[name].flat[0] += np.float32(0.01)
    assert far(parse(model(steps(4), ["h3"]), **other, **places(4)), program) > 10 * TOLERANCE


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.sampled_from([*GATES]),
    st.sampled_from([*BLENDS]),
    st.integers(4, 7),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 3),
    st.sets(st.integers(0, 6)),
    st.integers(0, 1 << 16),
)
def test_steps_of_any_size_compute_the_same(gates, blend, count, inputs, width, batch, read, seed):
    outputs = sorted({f"h{t}" for t in read if t < count} | {f"h{count - 1}"})
    text = model(steps(count, gates, blend), outputs, count, inputs, batch)
    known = weights(inputs, width, seed, batch) | places(count)
    program = graph.parse('<ir_version: 8, opset_import: ["" : 17]>' + text, known)
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [FuseGru()]).applied) == 1
    x = {"x": np.random.default_rng(seed).standard_normal((count, batch, inputs), np.float32)}
    want, got = Oracle(before).run(x), Oracle(program).run(x)
    for name in outputs:
        np.testing.assert_allclose(got[name], want[name], rtol=0, atol=1e-5)
