"""One step of each recurrent layer, beside its equation in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.cells import cell_of
from mcompile.backends.litert.sequences import Layer
from mcompile.errors import LoweringError

from .desk import Desk
from .lowered import drawn

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell(op, how=""):
    n = GATES[op] * 4
    stored = drawn(w=(1, n, 3), r=(1, n, 4), b=(1, 2 * n))
    desk = Desk("float[1,2,3] x", f"y = {op} <hidden_size = 4{how}> (x, w, r, b)", **stored)
    x = drawn(7, x=(1, 2, 3))["x"]
    desk.fed.append((desk.walk.read(desk.value("x")), x))
    made = cell_of(Layer.of(desk.walk, desk.node, GATES[op]), 0)
    w, r, b = (stored[k][0] for k in "wrb")
    return desk, made, (x[0] @ w.T + b[:n], r, b[n:])


def stepped(op, how=""):
    """The states after one step, and what it was computed of: Wx + b, R, the bias of R, states."""
    desk, made, given = cell(op, how)
    states = [drawn(9 + k, s=(2, 4))["s"] for k in range(made.states)]
    found = made.step(0, [desk.tensor(s) for s in states])
    return [desk.run(t) for t in found], given, states


def test_an_rnn():
    (h,), (wx, r, b), (s,) = stepped("RNN")
    np.testing.assert_allclose(h, np.tanh(wx + s @ r.T + b), atol=1e-5)


def test_an_lstm():
    (h, c), (wx, r, b), (s, kept) = stepped("LSTM")
    i, o, f, g = np.split(wx + s @ r.T + b, 4, 1)
    wanted = sigmoid(f) * kept + sigmoid(i) * np.tanh(g)
    np.testing.assert_allclose(c, wanted, atol=1e-5)
    np.testing.assert_allclose(h, sigmoid(o) * np.tanh(wanted), atol=1e-5)


@pytest.mark.parametrize("after", [0, 1])
def test_a_gru(after):
    (h,), (wx, r, b), (s,) = stepped("GRU", f", linear_before_reset = {after}")
    z, e = np.split(sigmoid(wx[:, :8] + s @ r[:8].T + b[:8]), 2, 1)
    inner = e * (s @ r[8:].T + b[8:]) if after else (e * s) @ r[8:].T + b[8:]
    n = np.tanh(wx[:, 8:] + inner)
    np.testing.assert_allclose(h, (1 - z) * n + z * s, atol=1e-5)


def test_a_curve_without_an_operator_is_refused():
    with pytest.raises(LoweringError, match="activation Softsign") as caught:
        cell("RNN", ', activations = ["Softsign"]')
    assert "tanh" in caught.value.fix
