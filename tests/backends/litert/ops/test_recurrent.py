"""LSTM, GRU and RNN, run several times over: no state is left from one run to the next."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.errors import LoweringError
from tests.backends.litert.lowered import drawn, ops, parsed, worst, written

FUSED = "UNIDIRECTIONAL_SEQUENCE_LSTM"


def weights(gates, directions=1):
    sizes = {"w": (directions, gates * 8, 6), "r": (directions, gates * 8, 8)}
    return drawn(**sizes, b=(directions, 2 * gates * 8), s=(directions, 2, 8))


def runs(*shapes):
    rng = np.random.default_rng(3)
    return [{"x": rng.standard_normal(s).astype(np.float32)} for s in shapes]


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(
    ("op", "gates", "more"),
    [
        ("LSTM", 4, ""),
        ("GRU", 3, ", linear_before_reset = 0"),
        ("GRU", 3, ", linear_before_reset = 1"),
        ("RNN", 1, ""),
    ],
)
def test_every_direction_with_its_last_state(op, gates, more, direction):
    ways = 2 if direction == "bidirectional" else 1
    body = f'h, l = {op} <hidden_size = 8, direction = "{direction}"{more}> (x, w, r, b, , s)'
    if op == "LSTM":
        body = body.replace(", s)", ", s, s)")
    ports = f"(float[5,2,6] x) => (float[5,{ways},2,8] h, float[{ways},2,8] l)"
    program = parsed(ports, body, weights(gates, ways))
    data = written(program)
    assert ops(data).count(FUSED) == (ways if op == "LSTM" else 0)
    assert worst(program, data, runs((5, 2, 6), (5, 2, 6))) < 1e-5


@pytest.mark.parametrize("op", ["LSTM", "GRU"])
def test_a_free_batch(op):
    ports = "(float[5,n,6] x) => (float[5,1,n,8] h, float[1,n,8] l)"
    body = f"h, l = {op} <hidden_size = 8> (x, w, r, b)"
    program = parsed(ports, body, weights(4 if op == "LSTM" else 3))
    assert worst(program, written(program), runs((5, 2, 6), (5, 3, 6), (5, 1, 6))) < 1e-5


def test_computed_initial_states_of_an_lstm():
    ports = "(float[5,2,6] x, float[1,2,8] a, float[1,2,8] c) => (float[5,1,2,8] h)"
    body = "h, l = LSTM <hidden_size = 8> (x, w, r, b, , a, c)"
    program = parsed(ports, body, weights(4))
    rng = np.random.default_rng(4)
    feeds = [f | {n: rng.standard_normal((1, 2, 8)).astype(np.float32) for n in "ac"}
             for f in runs((5, 2, 6), (5, 2, 6))]  # fmt: skip
    assert worst(program, written(program), feeds) < 1e-5


def test_a_last_cell_state_is_computed_step_by_step():
    ports = "(float[5,2,6] x) => (float[5,1,2,8] h, float[1,2,8] c)"
    program = parsed(ports, "h, l, c = LSTM <hidden_size = 8> (x, w, r, b)", weights(4))
    data = written(program)
    assert FUSED not in ops(data)
    assert worst(program, data, runs((5, 2, 6), (5, 2, 6))) < 1e-5


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("h = LSTM <hidden_size = 8> (x, w, r, b, lens)", "different lengths"),
        ("h = LSTM <hidden_size = 8, clip = 1.0> (x, w, r, b)", "clip"),
        ("h = LSTM <hidden_size = 8, input_forget = 1> (x, w, r, b)", "input and forget"),
        ('h = LSTM <hidden_size = 8, activations = ["Elu", "Tanh", "Tanh"]> (x, w, r, b)', "Elu"),
    ],
)
def test_what_no_operator_computes_is_refused(body, said):
    lengths = {"lens": np.array([3, 5], np.int32)}
    program = parsed("(float[5,2,6] x) => (float[5,1,2,8] h)", body, weights(4) | lengths)
    with pytest.raises(LoweringError, match=said) as caught:
        written(program)
    assert "h (LSTM)" in caught.value.where


def test_more_steps_than_are_written_one_by_one():
    program = parsed(
        "(float[513,1,6] x) => (float[513,1,1,8] h)",
        "h = GRU <hidden_size = 8> (x, w, r, b)",
        weights(3),
    )
    with pytest.raises(LoweringError, match="513 steps"):
        written(program)
