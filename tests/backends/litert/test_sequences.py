"""What recurrent layers have in common, taken apart."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.cells import cell_of, defaults
from mcompile.backends.litert.sequences import Layer, used
from mcompile.errors import LoweringError

from .desk import Desk
from .lowered import agree, drawn, model

SHAPES = drawn(w=(2, 12, 3), r=(2, 12, 4), b=(2, 24), s=(2, 2, 4))
BODY = 'y, h = GRU <hidden_size = 4, direction = "bidirectional"{}> (x, w, r{})'


def layer(more="", inputs=", b", given="float[5,2,3] x", **stored):
    desk = Desk(given, BODY.format(more, inputs), **SHAPES, **stored)
    return Layer.of(desk.walk, desk.node, 3), desk


def test_sizes_and_directions():
    found, _ = layer()
    assert (found.steps, found.batch, found.hidden) == (5, 2, 4)
    assert found.directions == ("forward", "reverse")


def test_blocks_are_the_gates_of_a_direction():
    found, _ = layer()
    np.testing.assert_array_equal(np.concatenate(found.blocks(1, 1)), SHAPES["w"][1])
    assert [b.shape for b in found.blocks(3, 0)] == [(4,)] * 6
    bare, _ = layer(inputs="")
    assert not np.any(bare.blocks(3, 0))


def test_the_batch_may_come_first():
    found, desk = layer(", layout = 1", given="float[2,5,3] x")
    assert (found.steps, found.batch) == (5, 2)
    assert desk.kinds() == ["TRANSPOSE"]


def test_the_state_before_the_first_step():
    found, _ = layer(inputs=", b, , s")
    np.testing.assert_array_equal(found.initial(5, 1), SHAPES["s"][1])
    assert not np.any(layer()[0].initial(5, 0))


def test_sequences_of_different_lengths_are_refused():
    with pytest.raises(LoweringError, match="different lengths"):
        layer(inputs=", b, n", n=np.array([5, 4], np.int32))


def test_outputs_that_somebody_reads():
    _, desk = layer()
    assert used(desk.node.outputs[0])
    assert not used(desk.node.outputs[1])


def test_curves_that_are_not_the_first_named():
    _, desk = layer()
    assert defaults(desk.node)
    found, other = layer(', activations = ["Sigmoid", "Relu", "Sigmoid", "Relu"]')
    assert not defaults(other.node)
    assert cell_of(found, 1).curves == ["LOGISTIC", "RELU"]


@pytest.mark.parametrize("op", ["GRU", "RNN"])
def test_other_curves(op):
    gates = 3 if op == "GRU" else 1
    said = '["Relu", "Tanh"]' if op == "GRU" else '["Relu"]'
    body = f"y = {op} <hidden_size = 4, activations = {said}> (x, w, r, b)"
    stored = drawn(w=(1, gates * 4, 3), r=(1, gates * 4, 4), b=(1, gates * 8))
    agree(model("float[3,2,3] x", body, **stored), 1e-5)
