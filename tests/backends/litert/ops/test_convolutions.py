"""Convolutions over one axis to three."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert import Litert
from mcompile.backends.litert.ops.convolutions import LOWERINGS
from mcompile.profile import Device, Target
from mcompile.quantize import half
from mcompile.types import Precision
from tests.backends.litert.lowered import agree, drawn, missing, model, refused
from tests.backends.models import noise

ROWS = {  # input, weights, how
    "plain": ("float[n,4,7,9] x", (6, 4, 3, 3), "pads = [1,1,1,1]", "CONV_2D"),
    "uneven pads": ("float[n,4,7,9] x", (6, 4, 3, 2), "pads = [2,0,0,1]", "CONV_2D"),
    "same": (
        "float[n,4,7,9] x",
        (6, 4, 3, 3),
        'auto_pad = "SAME_UPPER", strides = [2,2]',
        "CONV_2D",
    ),
    "spread": ("float[n,4,9,9] x", (6, 4, 3, 3), "dilations = [2,1]", "CONV_2D"),
    "grouped": ("float[n,4,7,9] x", (6, 2, 3, 3), "group = 2", "CONV_2D"),
    "depthwise": ("float[n,4,7,9] x", (4, 1, 3, 3), "group = 4", "DEPTHWISE_CONV_2D"),
    "multiplied": ("float[n,4,7,9] x", (8, 1, 3, 3), "group = 4", "DEPTHWISE_CONV_2D"),
    "of a line": ("float[n,4,9] x", (6, 4, 3), "pads = [2,0], strides = [2]", "CONV_2D"),
    "of a volume": ("float[n,4,5,6,7] x", (6, 4, 2, 3, 2), "strides = [1,2,1]", "CONV_3D"),
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("form", ROWS)
def test_it_is_what_the_oracle_says(form, batch):
    given, weights, how, kind = ROWS[form]
    stored = drawn(w=weights, b=weights[:1])
    found = agree(model(given, f"y = Conv <{how}> (x, w, b)", **stored), 1e-4, (batch,))
    assert kind in found


def test_every_op_of_the_table_is_run():
    assert {*LOWERINGS} == {"Conv"}
    assert not missing(LOWERINGS, "= Conv")


def test_a_relu_becomes_part_of_it():
    body = "c = Conv (x, w)\n y = Relu (c)"
    found = agree(model("float[1,4,6,6] x", body, **drawn(w=(6, 4, 3, 3))))
    assert [k for k in found if k != "TRANSPOSE"] == ["CONV_2D"]


def test_four_axes_are_refused():
    program = model("float[1,2,3,3,3,3] x", "y = Conv (x, w)", w=np.ones((2, 2, 1, 1, 1, 1), "f"))
    refused(program, "over 4 axes")


def test_halves_of_a_volume_are_what_they_stand_for(tmp_path):
    """Its kernel reads no halves: both weights and bias are stored as floats."""
    given = "float[1,4,5,6,7] x"
    made = model(given, "y = Conv (x, w, b)", **drawn(w=(6, 4, 2, 3, 2), b=(6,)))
    narrow, _, _ = half(made, Precision.FP16, noise(made))
    device = Target("desk", "this machine", "litert", Precision.FP16, Device("x86_64"))
    assert Litert().lower(narrow, device, tmp_path).files
