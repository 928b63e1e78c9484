"""A plan that somebody wrote is held against the program and the runtime before it is built."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile.errors import UsageError
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.planfit import demand, without_float
from mcompile.types import QuantPlan

from .nets import SCHEME, residual, samples


@pytest.fixture(scope="module")
def made():
    program = residual()
    return program, plan(program, observe(program, samples(program, 2)), SCHEME)


def refused(found, program, said, scheme=None):
    with pytest.raises(UsageError, match=said) as error:
        demand(found, program, "mine.json", scheme)
    assert len(str(error.value).splitlines()) == 3
    assert "mine.json" in error.value.where


def test_the_plan_that_was_made_for_it_fits(made):
    program, found = made
    codes = {"w1": np.zeros((8, 3, 3, 3), np.int8)}
    demand(replace(found, codes=codes), program, scheme=SCHEME)


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ({"w9": np.zeros(1, np.int8)}, "no tensor w9"),
        ({"a0": np.zeros((1, 8, 16, 16), np.int8)}, "codes for a0, which is no weight"),
        ({"b1": np.zeros(8, np.int8)}, "codes for b1, which is no weight"),
        ({"w1": np.zeros((8, 3, 9), np.int8)}, "different shapes: 8x3x3x3 and 8x3x9"),
        ({"w1": np.zeros((8, 3, 3, 3), np.int16)}, "codes of w1 are int16, its scale is for int8"),
        ({"w1": np.zeros((8, 3, 3, 3))}, "codes of w1 are float64"),
    ],
)
def test_codes_that_do_not_fit_are_refused(made, codes, said):
    program, found = made
    refused(replace(found, codes=codes), program, said)


def test_a_plan_for_another_kind_of_runtime_is_refused(made):
    program, found = made
    signed = replace(SCHEME, activations="int8")
    refused(found, program, "x is uint8, and the target's runtime takes int8", signed)
    symmetric = replace(SCHEME, symmetric_activations=True)
    refused(found, program, "has a zero point, and the target's runtime takes none", symmetric)


def test_a_plan_of_nothing_fits_every_runtime(made):
    program, _ = made
    demand(QuantPlan({}, {}), program, scheme=replace(SCHEME, activations="int16"))


@pytest.mark.parametrize("name", ["w1", "x", "b1"])
def test_what_no_layer_makes_cannot_be_left_float(made, name):
    program, found = made
    refused(replace(found, left_float={name: "mine"}), program, f"{name} is a tensor, and no layer")


@pytest.mark.parametrize("name", ["x", "a"])
def test_what_has_no_bias_cannot_be_shifted(made, name):
    program, found = made
    shifts = {name: np.zeros(8, np.float32)}
    refused(replace(found, shifts=shifts), program, f"no layer has a bias|{name} is a tensor")


@pytest.mark.parametrize("stays", [True, False])
def test_a_layer_that_is_moved_to_float_by_hand_loses_its_codes(made, stays):
    program, found = made
    codes = {"w1": np.zeros((8, 3, 3, 3), np.int8), "w4": np.zeros((8, 10), np.int8)}
    moved = {n: p for n, p in found.tensors.items() if stays or n != "w1"}
    edited = replace(found, tensors=moved, left_float={"a0": "mine"}, codes=codes)
    fits = without_float(edited, program)
    assert [*fits.codes] == ["w4"]
    fits = replace(fits, codes={})
    demand(fits, program, scheme=SCHEME)
    written = insert(program, fits, SCHEME)
    (layer,) = [n for n in written.graph.graph if n.outputs[0].name == "a0"]
    assert layer.inputs[1].producer() is None
