"""What is written computes what was converted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mcompile.backends.openvino import conversion
from mcompile.errors import LoweringError
from mcompile.graph import parse
from mcompile.quantize import insert, observe, plan
from mcompile.schemes.openvino import OPENVINO
from tests.backends.models import MODELS, build, noise

from .networks import FLOAT, assert_equal, both, pair, program, run

INTEGERS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
STEPS = [
    "{y} = Sin({x})\n",
    "{y} = Relu({x})\n",
    "{y} = Transpose <perm = [0,1,3,2]> ({x})\n",
    "{y} = MaxPool <kernel_shape = [3,3], strides = [1,1], pads = [1,1,1,1]> ({x})\n",
    "{y} = MaxPool <kernel_shape = [2,2], strides = [1,1], pads = [0,0,1,1]> ({x})\n",
    "{y} = Add({x}, x)\n",
    "{y}m = Max({x}, l)\n{y} = Min({y}m, h)\n",
    "{y} = Conv <group = 2> ({x}, w, b)\n",
    "{y} = Conv({x}, k)\n",
    "{y}f = Reshape({x}, flat)\n{y} = Reshape({y}f, square)\n",
    "PAIR s, z",
    "PAIR t, u",
    "PAIR e, e0",
    "CHANNELS",
]
FIXED = {
    "l": np.float32(-0.7),
    "h": np.float32(0.8),
    "w": np.array([0.5, -1.5], np.float32).reshape(2, 1, 1, 1),
    "k": np.array([[0.5, -1.5], [1, 0.25]], np.float32).reshape(2, 2, 1, 1),
    "b": np.array([0.1, -0.2], np.float32),
    "flat": np.array([1, 72]),
    "square": np.array([1, 2, 6, 6]),
    "e": np.float32(0.04),
    "e0": np.int8(-9),
    "cs": np.array([0.02, 0.05], np.float32),
    "cz": np.array([120, 3], np.uint8),
}


def written(steps):
    """A chain of those steps, each on what the one before it made."""
    body, last = "", "x"
    for index, step in enumerate(steps):
        made = f"v{index}"
        if step == "CHANNELS":
            body += f"{made}q = QuantizeLinear <axis = 1> ({last}, cs, cz)\n"
            body += f"{made} = DequantizeLinear <axis = 1> ({made}q, cs, cz)\n"
        elif step.startswith("PAIR"):
            body += pair(last, made, step.removeprefix("PAIR "))
        else:
            body += step.format(x=last, y=made)
        last = made
    return body + f"y = Identity({last})"


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.lists(st.sampled_from(STEPS), min_size=1, max_size=7),
    arrays(np.uint8, (), elements=st.integers(0, 255)),
    st.sampled_from([13, 17, 19, 21]),
)
def test_random_chains_compute_the_same(steps, zero, opset):
    assert_equal(program(written(["PAIR s, z", *steps]), FIXED | {"z": zero}, opset=opset), 1e-5)


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize(("asked", "rtol"), [(FLOAT, 1e-6), (INTEGERS, 1e-5)])
def test_every_model_computes_the_same_in_float_and_on_integers(name, asked, rtol):
    plain = build(name)
    quantized = insert(plain, plan(plain, observe(plain, noise(plain)), OPENVINO), OPENVINO)
    one, two = both(quantized)
    for sample in noise(plain, 3, seed=11):
        for want, got in zip(*(run(m, sample.feeds, asked) for m in (one, two)), strict=True):
            np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * np.abs(want).max())


def test_nodes_are_named_by_their_places(tmp_path):
    given_ = program(pair("x", "r") + "w = Cast <to = 1> (i) y = Conv(r, w, b)",
                     {"i": np.ones((2, 2, 1, 1), np.int8), "b": FIXED["b"]})  # fmt: skip
    for name in ("one", "two"):
        conversion.write(given_, tmp_path / f"{name}.xml")
    assert (tmp_path / "one.xml").read_bytes() == (tmp_path / "two.xml").read_bytes()


def test_an_op_that_the_converter_does_not_know_is_named(tmp_path):
    text = """<ir_version: 9, opset_import: ["": 17, "nobody.knows": 1]>
    odd (float[1] x) => (float[1] y) { y = nobody.knows.Frobnicate(x) }"""
    with pytest.raises(LoweringError) as caught:
        conversion.write(parse(text), tmp_path / "model.xml")
    assert "Frobnicate" in caught.value.where
