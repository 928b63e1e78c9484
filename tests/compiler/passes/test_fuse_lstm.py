from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fuse_lstm import FuseLstm
from mcompile.rules import run

TOLERANCE = 2e-6
"""Of the largest output: float32 sums of a few dozen products, through four gates each."""

INPUTS, WIDTH = 3, 5
GATES = {
    "joined": """a{t} = Gemm<transB = 1>(x{t}, w, p) b{t} = Gemm<transB = 1>({h}, r, q)
        s{t} = Add(a{t}, b{t}) i{t}, f{t}, g{t}, o{t} = Split<axis = 1>(s{t}, sizes)""",
    "matmul": """a{t} = MatMul(x{t}, wt) b{t} = MatMul({h}, rt) c{t} = Add(p, a{t})
        d{t} = Add(b{t}, c{t}) s{t} = Add(d{t}, q)
        i{t}, f{t}, g{t}, o{t} = Split<axis = -1>(s{t}, sizes)""",
    "together": """j{t} = Concat<axis = 1>(x{t}, {h}) s{t} = Gemm(j{t}, wr, p)
        i{t} = Slice(s{t}, n0, n1, one) f{t} = Slice(s{t}, n1, n2, one)
        g{t} = Slice(s{t}, n2, n3, one) o{t} = Slice(s{t}, n3, n4, one)""",
    "apart": " ".join(
        f"k{g}{{t}} = Gemm(x{{t}}, w{g}) l{g}{{t}} = Gemm({{h}}, r{g}, p{g}) "
        f"{g}{{t}} = Add(l{g}{{t}}, k{g}{{t}})"
        for g in "ifgo"
    ),
}
CELL = """si{t} = Sigmoid(i{t}) sf{t} = Sigmoid(f{t}) tg{t} = Tanh(g{t}) so{t} = Sigmoid(o{t})
    kc{t} = Mul(sf{t}, {c}) nc{t} = Mul(si{t}, tg{t}) c{t}_ = Add(kc{t}, nc{t})
    tc{t} = Tanh(c{t}_) h{t} = Mul(so{t}, tc{t})"""


def weights(inputs=INPUTS, width=WIDTH, seed=0, batch=2):
    rng = np.random.default_rng(seed)
    draw = lambda *shape: rng.standard_normal(shape).astype(np.float32)  # noqa: E731
    w, r, p, q = draw(4 * width, inputs), draw(4 * width, width), draw(4 * width), draw(4 * width)
    found = {"w": w, "r": r, "p": p, "q": q, "wt": w.T.copy(), "rt": r.T.copy()}
    found["wr"] = np.concatenate([w.T, r.T])
    for k, g in enumerate("ifgo"):
        rows = slice(k * width, (k + 1) * width)
        found |= {f"w{g}": w[rows].T.copy(), f"r{g}": r[rows].T.copy(), f"p{g}": p[rows]}
    found |= {f"n{k}": np.array([k * width]) for k in range(5)} | {"one": np.array([1])}
    found |= {"h_0": draw(batch, width), "c_0": draw(batch, width)}
    found |= {"zeros": np.zeros((batch, width), np.float32), "lead": np.array([0])}
    return found | {"sizes": np.full(4, width), "rest": np.tile(q, (batch, 1))}


def steps(count, gates="joined", h="h_0", c="c_0", inputs=INPUTS):
    """That many steps, the inputs taken out of x: h0, h1, .. and c0_, c1_, .. are made."""
    text = [f"x{t} = Gather<axis = 0>(x, at{t})" for t in range(count)]
    for t in range(count):
        text.append((GATES[gates] + CELL).format(t=t, h=h, c=c))
        h, c = f"h{t}", f"c{t}_"
    return " ".join(text)


def model(text, outputs, count=4, inputs=INPUTS, batch=2, kind="float", more=""):
    rest = ", ".join(f"{kind}[k, l] {name}" for name in outputs)
    return f"g ({kind}[{count}, {batch}, {inputs}] x{more}) => ({rest}) {{ {text} }}"


def places(count):
    return {f"at{t}": np.array(t) for t in range(count)}


@pytest.mark.parametrize("gates", GATES)
def test_steps_become_one_lstm(parse, body, far, gates):
    program = parse(model(steps(4, gates), ["h3"]), **weights(), **places(4))
    before = graph.clone(program)
    log = run(program, [FuseLstm()])
    assert [(a.rule, a.node) for a in log.applied] == [("fuse_lstm", "h3")]
    lines = body(program)
    assert sorted(lines[:-2]) == sorted(
        [
            *(f"x{t} = Gather(x, at{t})" for t in range(4)),
            *(f"x{t}_unsqueeze = Unsqueeze(x{t}, axis_0)" for t in range(4)),
            *(f"{v}_0_unsqueeze = Unsqueeze({v}_0, axis_0)" for v in "hc"),
            f"x0_unsqueeze_concat = Concat({', '.join(f'x{t}_unsqueeze' for t in range(4))})",
        ]
    )
    assert lines[-2:] == [
        "h3_all, h3_last, h3_state = LSTM(x0_unsqueeze_concat, h3_input_weight, "
        "h3_hidden_weight, h3_bias, , h_0_unsqueeze, c_0_unsqueeze)",
        "h3 = Squeeze(h3_last, axis_0)",
    ]
    assert far(before, program) < TOLERANCE
    assert run(program, [FuseLstm()]).applied == ()


def test_every_step_and_the_last_state_can_be_read(parse, body, far):
    text = steps(5) + " y = Neg(h1) z = Relu(c4_)"
    outputs = ["h0", "y", "h4", "z", "c4_"]
    program = parse(model(text, outputs, 5), **weights(), **places(5))
    before = graph.clone(program)
    assert len(run(program, [FuseLstm()]).applied) == 1
    ops = [n.op_type for n in program.graph.graph]
    assert (ops.count("LSTM"), ops.count("Mul"), ops.count("Gather")) == (1, 0, 5 + 3)
    assert [v.name for v in program.graph.graph.outputs] == outputs
    assert far(before, program) < TOLERANCE


def test_a_first_step_from_zeros_may_have_lost_its_product(parse, body, far):
    folded = steps(4, h="zeros", c="zeros").replace("b0 = Gemm<transB = 1>(zeros, r, q)", "")
    folded = folded.replace("Add(a0, b0)", "Add(a0, rest)")
    program = parse(model(folded, ["h3"]), **weights(), **places(4))
    before = graph.clone(program)
    assert len(run(program, [FuseLstm()]).applied) == 1
    assert body(program)[-2].endswith(
        "= LSTM(x0_unsqueeze_concat, h3_input_weight, h3_hidden_weight, h3_bias)"
    )
    assert far(before, program) < TOLERANCE


def test_a_first_step_from_another_constant_stays(parse, body, far):
    known = weights()
    known["rest"] = known["rest"] + np.float32(0.5)
    folded = steps(5).replace("b0 = Gemm<transB = 1>(h_0, r, q)", "")
    folded = folded.replace("Add(a0, b0)", "Add(a0, rest)")
    program = parse(model(folded, ["h4"], 5), **known, **places(5))
    before = graph.clone(program)
    assert len(run(program, [FuseLstm()]).applied) == 1
    lines = body(program)
    assert "s0 = Add(a0, rest)" in lines
    assert lines[-2].split("(")[0] == "h4_all, h4_last, h4_state = LSTM"
    assert far(before, program) < TOLERANCE


def test_an_inner_state_that_is_read_divides_the_chain(parse, far):
    text = steps(8) + " y = Neg(c3_)"
    program = parse(model(text, ["h7", "y"], 8), **weights(), **places(8))
    before = graph.clone(program)
    assert len(run(program, [FuseLstm()]).applied) == 2
    assert [n.op_type for n in program.graph.graph].count("LSTM") == 2
    assert far(before, program) < TOLERANCE


def test_steps_on_steps_become_two(parse, far):
    upper = steps(4, "apart", inputs=WIDTH).partition("ki0")
    second = "ki0" + upper[2]
    text = steps(4) + " " + renamed(second)
    known = weights() | {f"v{g}": weights(WIDTH, seed=1)[f"w{g}"] for g in "ifgo"}
    program = parse(model(text, ["uh3", "h2"]), **known, **places(4))
    before = graph.clone(program)
    assert len(run(program, [FuseLstm()]).applied) == 2
    assert [n.op_type for n in program.graph.graph].count("LSTM") == 2
    assert far(before, program) < TOLERANCE


def renamed(text):
    """The steps of a second layer: it reads what the first makes."""
    import re

    made = set(re.findall(r"(\w+) =", text))
    text = re.sub(r"\b(\w+)\b", lambda m: "u" + m[1] if m[1] in made else m[1], text)
    text = re.sub(r"\bw([ifgo])\b", r"v\1", text)
    return re.sub(r"\bx(\d)\b", r"h\1", text)


def test_a_batch_that_is_free_stays_free(parse, far):
    text = steps(4, h="zeros", c="zeros").replace("b0 = Gemm<transB = 1>(zeros, r, q)", "")
    text = text.replace("Add(a0, b0)", "Add(a0, rest)")
    program = parse(model(text, ["h3"], batch="n"), **weights(batch=1), **places(4))
    before = graph.clone(program)
    assert len(run(program, [FuseLstm()]).applied) == 1
    assert far(before, program) < TOLERANCE
    x = np.random.default_rng(1).standard_normal((4, 7, INPUTS)).astype(np.float32)
    want, got = Oracle(before).run({"x": x})["h3"], Oracle(program).run({"x": x})["h3"]
    np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (steps(3), "3 steps: it pays from 4 on"),
        (steps(4) + " z = Neg(nc1)", "nc1 has other readers"),
        (steps(4).replace("sf2 ", "z ").replace("(sf2,", "(z,"), "z is an output"),
        (
            steps(4).replace("x2 =", "e = Gather(x, at2) z = Gemm(h0, back) x2 = Add(e, z) d ="),
            "x2 depends on an earlier step",
        ),
        (
            steps(4).replace("Gemm<transB = 1>(x0, w", "Gemm<transB = 1>(x0, other"),
            "h0 has other weights",
        ),
        (
            steps(4)
            .replace("Gemm<transB = 1>(h0, r", "e = Relu(h0) b1_ = Gemm<transB = 1>(e, r")
            .replace("b1 =", "")
            .replace("(a1, b1)", "(a1, b1_)")
            .replace("e = ", "", 0),
            "what goes into h1 is no sum of x and h",
        ),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    outputs = ["h3" if "h3 " in text else "h2"] + (["z"] if "z =" in text else [])
    more = {"other": weights(seed=3)["w"], "back": np.ones((WIDTH, INPUTS), np.float32)}
    program = parse(model(text, outputs), **weights(), **places(4), **more)
    before = body(program)
    log = run(program, [FuseLstm()])
    assert reason in [s.reason for s in log.skipped]
    assert (log.applied, body(program)) == ((), before)


def test_weights_that_come_at_run_time_are_left_alone(parse):
    known = weights()
    del known["r"]
    text = model(steps(4), ["h3"], more=f", float[{4 * WIDTH}, {WIDTH}] r")
    log = run(parse(text, **known, **places(4)), [FuseLstm()])
    assert [s.reason for s in log.skipped] == ["r is only known at run time"]


def test_other_types_are_left_alone(parse):
    known = {n: v.astype(np.float64) if v.dtype == np.float32 else v for n, v in weights().items()}
    program = parse(model(steps(4), ["h3"], kind="double"), **known, **places(4))
    log = run(program, [FuseLstm()])
    assert [s.reason for s in log.skipped] == ["h3 is no float32"]


def test_a_batch_of_its_own_at_one_step_is_left_alone(parse):
    text = steps(4).replace("x2 =", "d =").replace("a2 = ", "x2 = Slice(d, lead, one, lead) a2 = ")
    log = run(parse(model(text, ["h3"]), **weights(), **places(4)), [FuseLstm()])
    assert [s.reason for s in log.skipped] == ["the batch size may change from step to step of h3"]


def test_opset_12_is_left_alone(parse):
    text = steps(4, "apart")
    program = parse(model(text, ["h3"]), opset=12, **weights(), **places(4))
    log = run(program, [FuseLstm()])
    assert [s.reason for s in log.skipped] == ["it takes opset 13, this is 12"]


def test_steps_inside_of_a_branch_become_one(parse, far):
    text = f"""g (float[4, 2, {INPUTS}] x, bool k) => (float[2, {WIDTH}] y) {{
        y = If (k) <
            then_branch = t () => (h3) {{ {steps(4, "apart")} }},
            else_branch = e () => (z) {{ z = Neg(h_0) }}
        >
    }}"""
    program = parse(text, **weights(), **places(4))
    before = graph.clone(program)
    assert len(run(program, [FuseLstm()]).applied) == 1
    assert [n.op_type for n in program.graph.graph.all_nodes()].count("LSTM") == 1
    assert far(before, program) < TOLERANCE


def test_a_step_from_outside_of_a_branch_stays(parse):
    inside = steps(4, "apart").partition("ki3 =")
    text = f"""g (float[4, 2, {INPUTS}] x, bool k) => (float[2, {WIDTH}] y) {{ {inside[0]}
        y = If (k) <
            then_branch = t () => (h3) {{ ki3 = {inside[2]} }},
            else_branch = e () => (z) {{ z = Neg(h2) }}
        >
    }}"""
    log = run(parse(text, **weights(), **places(4)), [FuseLstm()])
    assert log.applied == ()
    assert any("computed outside of this branch" in s.reason for s in log.skipped)


@pytest.mark.parametrize("name", ["w", "r", "p", "q"])
def test_one_wrong_number_would_be_seen(parse, far, name):
    program = parse(model(steps(4), ["h3"]), **weights(), **places(4))
    run(program, [FuseLstm()])
    other = weights()
    other[name].flat[0] += np.float32(0.01)
    wrong = parse(model(steps(4), ["h3"]), **other, **places(4))
    assert far(wrong, program) > 10 * TOLERANCE


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    st.sampled_from([*GATES]),
    st.integers(4, 7),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 3),
    st.sets(st.integers(0, 6)),
    st.integers(0, 1 << 16),
)
def test_steps_of_any_size_compute_the_same(gates, count, inputs, width, batch, read, seed):
    outputs = sorted({f"h{t}" for t in read if t < count} | {f"h{count - 1}"})
    text = model(steps(count, gates), outputs, count, inputs, batch)
    known = weights(inputs, width, seed, batch) | places(count)
    head = '<ir_version: 8, opset_import: ["" : 17]>'
    program = graph.parse(head + text, known)
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [FuseLstm()]).applied) == 1
    x = {"x": np.random.default_rng(seed).standard_normal((count, batch, inputs), np.float32)}
    want, got = Oracle(before).run(x), Oracle(program).run(x)
    for name in outputs:
        np.testing.assert_allclose(got[name], want[name], rtol=0, atol=1e-5)
