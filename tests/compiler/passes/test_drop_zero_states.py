from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.passes.drop_dead import DropDead
from mcompile.passes.drop_zero_states import DropZeroStates
from mcompile.rules import run

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
RULES = [DropZeroStates(), DropDead()]


def recurrent(parse, op, states, fill=0.0):
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.standard_normal((1, GATES[op] * 5, 3)).astype(np.float32),
        "r": rng.standard_normal((1, GATES[op] * 5, 5)).astype(np.float32),
        "one": np.array([1]),
        "h": np.array([5]),
        "fill": np.float32(fill),
    }
    text = f"""g (float[4,n,3] x, float[1,n,5] given) => (y) {{
        s = Shape(x) n = Gather(s, one) t = Concat<axis = 0>(one, n, h) z = Expand(fill, t)
        y = {op}<hidden_size = 5>(x, w, r, "", "", {states})
    }}"""
    return parse(text, **weights)


@pytest.mark.parametrize(
    ("op", "states"), [("LSTM", "z, z"), ("LSTM", "z"), ("GRU", "z"), ("RNN", "z")]
)
def test_zeros_need_not_be_told(parse, body, far, op, states):
    program = recurrent(parse, op, states)
    before = graph.clone(program)
    log = run(program, RULES)
    assert ("drop_zero_states", "y") in {(a.rule, a.node) for a in log.applied}
    assert body(program)[-1].rstrip(", )") == f"y = {op}(x, w, r"
    assert "Expand" not in {n.op_type for n in program.graph.graph}
    assert far(before, program) == 0.0
    assert run(program, RULES).applied == ()


def test_another_state_is_told(parse, body, far):
    program = recurrent(parse, "LSTM", "given, z")
    before = graph.clone(program)
    run(program, RULES)
    assert body(program)[-1].rstrip(", )") == "y = LSTM(x, w, r, , , given"
    assert far(before, program) == 0.0


def test_a_state_that_is_not_zero_stays(parse, far):
    program = recurrent(parse, "GRU", "z", fill=0.5)
    assert run(program, [DropZeroStates()]).applied == ()
    zeros = recurrent(parse, "GRU", "z")
    run(zeros, RULES)
    assert far(program, zeros) > 1e-3
