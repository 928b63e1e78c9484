"""Shuffled channels are the convolutions' own order, and the numbers stay."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mcompile import graph
from mcompile.passes.push_channel_shuffle import PushChannelShuffle
from mcompile.rules import run

RNG = np.random.default_rng(11)


def _weights(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


GIVEN = {
    "wa": _weights(6, 3, 1, 1), "ba": _weights(6), "wb": _weights(6, 3, 3, 3),
    "wc": _weights(6, 6, 1, 1), "bc": _weights(6), "wd": _weights(12, 1, 3, 3), "bd": _weights(12),
    "we": _weights(5, 12, 1, 1), "w3": _weights(3, 3, 1, 1), "apart": np.array([0, 2, 6, 4, 4]),
    "back": np.array([0, 12, 4, 4]),
}  # fmt: skip
SHUFFLE = (
    "{0}v = Reshape({0}, apart) {0}t = Transpose<perm = [0,2,1,3,4]>({0}v) "
    "{1} = Reshape({0}t, back)"
)
HEAD = (
    "a0 = Conv(x, wa, ba) a = Relu(a0) b0 = Conv<pads = [1,1,1,1]>(x, wb) b = Relu(b0) "
    "c = Concat<axis = 1>(a, b) " + SHUFFLE.format("c", "s")
)
UNITS = (
    " p, q = Split<axis = 1, num_outputs = 2>(s) r0 = Conv(q, wc, bc) r = Relu(r0) "
    "d = Concat<axis = 1>(p, r) " + SHUFFLE.format("d", "e")
)
TAIL = (
    " f = Conv<group = 12, pads = [1,1,1,1]>(e, wd, bd) g = Relu(f) h = Conv(g, we) k = Conv(e, we)"
)


def parsed(parse, text, out="float[1,5,4,4] y"):
    return parse(f"g (float[1,3,4,4] x) => ({out}) {{ {text} }}", 18, **GIVEN)


def test_shuffles_between_convolutions_vanish(parse, far):
    program = parsed(parse, HEAD + UNITS + TAIL + " y = Add(h, k)")
    before = graph.clone(program)
    log = run(program, [PushChannelShuffle()])
    kinds = Counter(n.op_type for n in program.graph.graph)
    assert [a.rule for a in log.applied] == ["push_channel_shuffle"]
    assert kinds["Transpose"] == kinds["Reshape"] == 0
    assert far(before, program) < 1e-5
    assert run(program, [PushChannelShuffle()]).applied == ()


def test_a_shared_weight_keeps_its_order_elsewhere(parse, far):
    text = (
        HEAD + UNITS + TAIL + " o = Conv(x, wa, ba) n = ReduceMean(o) m = Add(h, k) y = Add(m, n)"
    )
    program = parsed(parse, text)
    before = graph.clone(program)
    assert run(program, [PushChannelShuffle()]).applied
    assert far(before, program) < 1e-5


@pytest.mark.parametrize(
    ("text", "out"),
    [
        (HEAD + " y = Neg(s)", "float[1,12,4,4] y"),
        (HEAD + " y = Softmax<axis = 1>(s)", "float[1,12,4,4] y"),
        (HEAD.replace(" s = Reshape", " y = Reshape"), "float[1,12,4,4] y"),
        (
            HEAD + " f = Conv<group = 12, pads = [1,1,1,1]>(s, wd, bd) y = Neg(f)",
            "float[1,12,4,4] y",
        ),
    ],
)
def test_what_is_read_in_its_order_is_refused(parse, text, out):
    log = run(parsed(parse, text, out), [PushChannelShuffle()])
    assert log.applied == ()
    assert "order of its channels" in log.skipped[0].reason


def test_what_no_convolution_makes_is_cut_into_pieces(parse, far):
    text = "n = MaxPool<kernel_shape = [1,1]>(x) a = Conv(x, wa, ba) m = Conv(x, wb3) "
    text += "c = Concat<axis = 1>(n, a, m) " + SHUFFLE.format("c", "s") + " y = Conv(s, we)"
    program = parsed(parse, text.replace("wb3", "w3"))
    before = graph.clone(program)
    assert run(program, [PushChannelShuffle()]).applied
    assert far(before, program) < 1e-5


def test_a_channel_that_comes_twice_is_refused(parse):
    text = "c = Concat<axis = 1>(a, a) " + SHUFFLE.format("c", "s") + " y = Conv(s, we)"
    log = run(parsed(parse, "a = Conv(x, wa, ba) " + text), [PushChannelShuffle()])
    assert (log.applied, len(log.skipped)) == ((), 1)
