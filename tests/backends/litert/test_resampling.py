"""Places and weights of a resized axis, beside ONNX Runtime's and beside those of the kernels."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from mcompile.backends.litert import resampling
from mcompile.backends.litert.resampling import FORMS, Axis, Way

PLACED = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
TIES = ((7, 4), (18, 39), (12, 56), (35, 18))  # places that float32 puts beside a half
ROUNDED = ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")


def resized(x, scale, **how):
    """What ONNX Runtime makes of one row, by a factor or (an integer) to a size."""
    whole = isinstance(scale, int)
    sizes = np.array([1, 1, 1, scale]) if whole else np.array([1, 1, 1, scale], np.float32)
    names = ["x", "", "", "s"] if whole else ["x", "", "s"]
    body = helper.make_graph(
        [helper.make_node("Resize", names, ["y"], **how)], "resize",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, x.size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(sizes, "s")],
    )  # fmt: skip
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = ort.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {"x": x.astype(np.float32).reshape(1, 1, 1, -1)})[0].reshape(-1)


def axes(seed, count):
    """An axis and what ONNX Runtime is asked for: a size, then a factor, in turn."""
    for size, made in TIES:
        yield Axis(size, made, float(np.float32(made) / np.float32(size))), made
    rng = np.random.default_rng(seed)
    for k in range(count):
        size, made = (int(n) for n in rng.integers(2, 90, 2))
        scale = float(np.float32(rng.uniform(0.3, 3)))
        if k % 2 and int(size * scale) not in (0, size):
            yield Axis(size, int(size * scale), scale), scale
        elif made != size:
            yield Axis(size, made, float(np.float32(made) / np.float32(size))), made


@pytest.mark.parametrize("placed", PLACED)
@pytest.mark.parametrize("rounded", ROUNDED)
def test_the_nearest_entry_is_that_of_onnxruntime(rounded, placed):
    way = Way("nearest", placed, rounded, -0.75, inside=False, antialias=False)
    for axis, asked in axes(1, 40):
        how = {"coordinate_transformation_mode": placed, "nearest_mode": rounded}
        wanted = resized(np.arange(axis.size), asked, mode="nearest", **how)
        np.testing.assert_array_equal(resampling.nearest(axis, way), wanted)


@pytest.mark.parametrize("placed", PLACED)
@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("antialias", [0, 1])
def test_weights_are_those_of_onnxruntime(antialias, mode, placed):
    way = Way(mode, placed, "", -0.75, inside=False, antialias=bool(antialias))
    for axis, asked in axes(2, 10):
        x = np.random.default_rng(axis.size).standard_normal(axis.size)
        how = {"coordinate_transformation_mode": placed, "antialias": antialias}
        wanted = resized(x, asked, mode=mode, **how)
        np.testing.assert_allclose(resampling.weights(axis, way) @ x, wanted, atol=2e-3)


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_weights_add_up(form):
    for axis, _ in axes(3, 20):
        for found in (resampling.mixed, resampling.mixed_fixed):
            rows = found(axis.size, axis.made, form).sum(axis=1)
            np.testing.assert_allclose(rows, 1, atol=1e-9)


def test_ten_bits_are_exact_for_a_power_of_two():
    for form in FORMS[:2]:
        exact, found = resampling.mixed(7, 28, form), resampling.mixed_fixed(7, 28, form)
        np.testing.assert_array_equal(exact, found)
    assert not np.array_equal(
        resampling.mixed(32, 64, FORMS[2]), resampling.mixed_fixed(32, 64, FORMS[2])
    )
