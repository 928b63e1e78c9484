"""The integers of a plan are held against those that the runtime takes, as they are stored."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile.errors import UsageError
from mcompile.quantize import observe, plan
from mcompile.quantize.plankind import demand
from mcompile.types import QParams, QuantPlan

from .nets import SCHEME, residual, samples

SATURATING = replace(SCHEME, pair_saturates=True)


@pytest.fixture(scope="module")
def made():
    program = residual()
    ranges = observe(program, samples(program, 2))
    full = replace(SCHEME, pair_saturates=False)
    return program, plan(program, ranges, full), plan(program, ranges, SATURATING)


def refused(found, program, said, scheme=SCHEME):
    with pytest.raises(UsageError, match=said) as error:
        demand(found, program, scheme, "mine.json")
    assert len(str(error.value).splitlines()) == 3
    assert "mine.json" in error.value.where


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int8", "int32"])
@pytest.mark.parametrize("name", ["x", "w1"])
def test_integers_of_another_type_are_refused(made, name, dtype):
    program, found, _ = made
    old = found.tensors[name]
    if dtype == old.dtype:
        return
    other = replace(old, dtype=dtype, zero_point=old.zero_point.astype(dtype))
    said = f"{name} is {dtype}, and the target's runtime takes"
    refused(replace(found, tensors={**found.tensors, name: other}), program, said)


def test_a_scale_a_channel_of_an_activation_is_refused(made):
    program, found, _ = made
    rows = QParams(np.ones(3, np.float32), np.zeros(3, np.uint8), "uint8", 1)
    refused(replace(found, tensors={**found.tensors, "x": rows}), program, "a scale a channel")


def test_a_weight_has_no_zero_point_and_channels_along_its_outputs(made):
    program, found, _ = made
    old = found.tensors["w1"]
    for edited, said in (
        (replace(old, zero_point=old.zero_point + np.int8(1)), "w1 has a zero point"),
        (QParams(np.ones(3, np.float32), np.zeros(3, np.int8), "int8", 1), "scales along axis 1"),
    ):
        refused(replace(found, tensors={**found.tensors, "w1": edited}), program, said)
    single = replace(SCHEME, per_channel=False)
    refused(found, program, "takes one scale a weight", single)


def test_full_weights_are_refused_where_pairs_saturate_and_others_are_not(made):
    program, full, safe = made
    demand(full, program, replace(SCHEME, pair_saturates=False), "mine.json")
    demand(safe, program, SATURATING, "mine.json")
    refused(full, program, r"neighbours in channel \d+ of w\d add up to \d+ integers", SATURATING)


@pytest.mark.parametrize(
    ("pair", "fits"),
    [
        ((64, 64), True),
        ((65, 64), False),
        ((-128, 0), True),
        ((-64, -65), False),
        ((127, -127), True),
    ],
)
def test_the_codes_themselves_decide(made, pair, fits):
    program, _, safe = made
    codes = np.zeros((8, 3, 3, 3), np.int8)
    codes[5, :2, 1, 1] = pair
    held = replace(safe, codes={"w1": codes})
    if fits:
        demand(held, program, SATURATING, "mine.json")
    else:
        refused(held, program, "channel 5 of w1 add up to 129 integers", SATURATING)


def test_a_layer_that_is_left_float_overflows_nothing(made):
    program, full, _ = made
    layers = {n.outputs[0].name: "mine" for n in program.graph.graph}
    demand(QuantPlan(full.tensors, layers), program, SATURATING, "mine.json")
