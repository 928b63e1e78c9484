"""Transposed convolutions, by the operator or by a convolution over spread data."""

from __future__ import annotations

import pytest

from mcompile.backends.litert.ops.transposed import LOWERINGS
from tests.backends.litert.lowered import agree, drawn, missing, model, refused, turns

ROWS = {
    "plain": ("4,5,6", (4, 6, 3, 3), "strides = [2,2]"),
    "with pads": ("4,5,6", (4, 6, 4, 4), "strides = [2,2], pads = [1,1,1,1]"),
    "with uneven pads": ("4,5,6", (4, 6, 3, 2), "strides = [2,1], pads = [1,0,0,1]"),
    "with more behind": ("4,5,6", (4, 6, 3, 3), "strides = [2,2], output_padding = [1,1]"),
    "grouped": ("4,5,6", (4, 3, 3, 3), "strides = [2,2], group = 2"),
    "spread": ("4,5,6", (4, 6, 2, 2), "dilations = [2,3]"),
    "of a line": ("4,7", (4, 6, 3), "strides = [2], pads = [1,1]"),
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("form", ROWS)
def test_it_is_what_the_oracle_says(form, batch):
    shape, weights, how = ROWS[form]
    stored = drawn(w=weights, b=(6,))
    body = f"y = ConvTranspose <{how}> (x, w, b)"
    agree(model(f"float[{batch},{shape}] x", body, **stored), 1e-4)
    agree(model(f"float[n,{shape}] x", body, **stored), 1e-4, (batch,))


def test_every_op_of_the_table_is_run():
    assert {*LOWERINGS} == {"ConvTranspose"}
    assert not missing(LOWERINGS, "= ConvTranspose")


def test_three_axes_are_refused():
    body = "y = ConvTranspose (x, w)"
    refused(model("float[1,2,3,3,3] x", body, **drawn(w=(2, 2, 2, 2, 2))), "over 3 axes")


def test_weights_that_are_computed_are_refused():
    refused(model("float[2,2,3,3] x", "y = ConvTranspose (x, x)"), "when the model runs")


def test_the_order_of_memory_is_kept():
    body = "d = ConvTranspose <strides = [2,2]> (c, r)"
    assert turns(body, 1e-3, **drawn(r=(4, 4, 2, 2))) == 2
