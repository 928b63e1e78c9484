"""Masks end where the scores ask for it, and guards against NaN are gone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from mcompile import graph
from mcompile.backends.litert.spelling import spelled
from mcompile.oracle import Oracle

ENDLESS = np.float32(-3.4e38)
CAUSAL = np.where(np.tri(4, dtype=bool), np.float32(0), ENDLESS)
X = np.random.default_rng(3).standard_normal((1, 4, 4)).astype(np.float32)


@dataclass
class _Span:
    low: float
    high: float


def _seen(program):
    names = [v.name for n in program.graph.graph for v in n.outputs if v.dtype is not None]
    found = Oracle(program, [n for n in names if n != "y"]).run({"x": X}) | {"x": X}
    finite = {n: d[d > -1e30] for n, d in found.items() if d.dtype == np.float32}
    return {n: _Span(float(d.min()), float(d.max())) for n, d in finite.items() if d.size}


def _parsed(text, **given):
    head = '<ir_version: 8, opset_import: ["" : 17]> '
    program = graph.parse(head + f"g (float[1,4,4] x) => (float[1,4,4] y) {{ {text} }}", given)
    graph.infer_shapes(program)
    return program


def _kinds(program):
    return Counter(n.op_type for n in program.graph.graph)


@pytest.mark.parametrize(
    "text",
    [
        "s = Add(x, m) y = Softmax(s)",
        "s = Add(m, x) y = Softmax(s)",
        "w = Where(k, zero, end) s = Add(x, w) y = Softmax(s)",
        "s = Where(k, x, end) y = Softmax(s)",
    ],
)
def test_a_mask_reaches_as_far_as_the_scores_ask(text):
    program = _parsed(text, m=CAUSAL, k=CAUSAL == 0, zero=np.float32(0), end=ENDLESS)
    found = spelled(program, _seen)
    wanted, made = (
        Oracle(p, ["s"] if p is program else []).run({"x": X}) for p in (program, found)
    )
    assert np.abs(wanted["y"] - made["y"]).max() < 4 * np.exp(-9)
    spans = [graph.array(v) for n in found.graph.graph for v in n.inputs]
    reals = [a for a in spans if a is not None and a.dtype == np.float32]
    assert min(float(a.min()) for a in reals) > -30


def test_masks_stay_where_nobody_tells_how_far():
    found = spelled(_parsed("s = Add(x, m) y = Softmax(s)", m=CAUSAL))
    assert _kinds(found) == {"Add": 1, "Softmax": 1}


def test_a_guard_against_nan_goes():
    text = "s = Softmax(x) n = IsNaN(s) y = Where(n, zero, s)"
    text = text.replace("y = Where(n, zero, s)", "g = Where(n, zero, s) y = Neg(g)")
    assert _kinds(spelled(_parsed(text, zero=np.float32(0)))) == {"Softmax": 1, "Neg": 1}


def test_another_choice_stays():
    text = "n = Less(x, zero) g = Where(n, zero, x) y = Neg(g)"
    assert _kinds(spelled(_parsed(text, zero=np.float32(0))))["Where"] == 1


def test_what_nobody_reads_any_more_goes_along():
    text = "v = Abs(x) r = Sqrt(v) y = Div(x, r)"
    assert "Sqrt" not in _kinds(spelled(_parsed(text)))
