"""A sample meets the model's inputs exactly, or the error says where and how it does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mcompile.errors import SamplesError
from mcompile.samples.ports import conform, match_names, numpy_of, shape_text
from mcompile.types import Array, Port, Sample

X = Port("x", "float32", (1, 3, 4, 5))
N = Port("n", "int64", ("batch", "words"))


def one(data: Array, port: Port) -> Array:
    return conform(Sample({port.name: data}, name="row 7"), [port], "a.npz").feeds[port.name]


def test_what_fits_comes_back_as_a_copy_of_its_own() -> None:
    data = np.arange(60, dtype=np.float32).reshape(1, 3, 4, 5)
    made = one(data, X)
    np.testing.assert_array_equal(made, data)
    assert not np.shares_memory(made, data)
    assert made.flags.c_contiguous
    assert made.flags.writeable


@pytest.mark.parametrize(
    ("dtype", "port"),
    [
        ("float64", Port("v", "float32", ("n",))),
        (">f4", Port("v", "float32", ("n",))),
        ("float32", Port("v", "float16", ("n",))),
        ("int32", Port("v", "int64", ("n",))),
        ("int64", Port("v", "uint8", ("n",))),
        ("bool", Port("v", "bool", ("n",))),
        ("<U3", Port("v", "string", ("n",))),
    ],
)
def test_a_type_that_loses_nothing_is_cast(dtype: str, port: Port) -> None:
    given = np.array([0, 1, 1]).astype(dtype)
    made = one(given, port)
    assert made.dtype == (object if port.dtype == "string" else np.dtype(port.dtype))
    assert made.tolist() == given.tolist()


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (np.array([1, 2]), "float32"),
        (np.array([1, 2], np.uint8), "float32"),
        (np.array([1.0]), "int64"),
        (np.array([1j]), "float32"),
        (np.array([True]), "int64"),
        (np.array(["a"]), "float32"),
        (np.array([1.0]), "string"),
        (np.array([300]), "uint8"),
        (np.array([-1]), "uint8"),
    ],
)
def test_a_type_that_would_lose_is_refused(data: Array, dtype: str) -> None:
    with pytest.raises(SamplesError, match=f"v takes {dtype}, not .*{data.dtype}") as caught:
        one(data, Port("v", dtype, ("n",)))
    assert caught.value.where == "a.npz, row 7"
    assert caught.value.fix


def test_integers_out_of_range_are_told() -> None:
    with pytest.raises(SamplesError, match=r"not -3\.\.300 of int64"):
        one(np.array([-3, 300]), Port("v", "uint8", ("n",)))


def test_bytes_for_floats_lead_to_preprocess() -> None:
    with pytest.raises(SamplesError) as caught:
        one(np.zeros((1, 3, 4, 5), np.uint8), X)
    assert "--preprocess" in caught.value.fix


def test_a_type_that_numpy_does_not_know_is_refused() -> None:
    with pytest.raises(SamplesError, match="which numpy cannot hold"):
        one(np.zeros(1), Port("v", "unknown", ("n",)))


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 3, 4, 6), (2, 3, 4, 5), (1, 1, 3, 4, 5), ()])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SamplesError, match=f"x takes 1x3x4x5, not {shape_text(shape)}"):
        one(np.zeros(shape, np.float32), X)


def test_a_dynamic_size_takes_any() -> None:
    assert one(np.zeros((4, 9), np.int64), N).shape == (4, 9)


def test_channels_in_the_wrong_place_are_seen() -> None:
    with pytest.raises(SamplesError) as caught:
        one(np.zeros((1, 4, 5, 3), np.float32), X)
    assert "NHWC to NCHW" in caught.value.fix
    with pytest.raises(SamplesError) as caught:
        one(np.zeros((1, 3, 4, 5), np.float32), Port("x", "float32", ("n", 4, 5, 3)))
    assert "NCHW to NHWC" in caught.value.fix


@pytest.mark.parametrize(
    ("value", "what"), [(np.nan, "NaN"), (np.inf, "infinity"), (1e300, "infinity as float32")]
)
def test_what_is_not_finite_is_refused(value: float, what: str) -> None:
    data = np.zeros((1, 3, 4, 5))
    data[0, 1, 2, 3] = value
    with pytest.raises(SamplesError, match=f"x holds {what}") as caught:
        one(data, X)
    assert caught.value.where == "a.npz, row 7"


def test_a_label_that_is_not_a_number_is_refused() -> None:
    sample = Sample({"v": np.zeros(1)}, np.array([np.nan]))
    with pytest.raises(SamplesError, match="the label holds NaN"):
        conform(sample, [Port("v", "float32", ("n",))])


def test_an_unknown_name_leads_to_the_nearest() -> None:
    with pytest.raises(SamplesError, match="no input 'imgae'") as caught:
        match_names(["imgae"], [Port("image", "float32", ()), X], "here")
    assert caught.value.fix == "image"


def test_a_missing_name_is_told() -> None:
    with pytest.raises(SamplesError, match="no data for the input 'n'"):
        match_names(["x"], [X, N], "here")


@pytest.mark.parametrize(
    "value",
    [[1.0, 2.0], (1.0, 2.0), torch.tensor([1.0, 2.0]), torch.ones(2, requires_grad=True), 3.0],
)
def test_arrays_of_all_libraries_become_numpy(value: Any) -> None:
    made = numpy_of(value, "x", "here")
    assert isinstance(made, np.ndarray)
    assert made.dtype.kind == "f"


@pytest.mark.parametrize(
    "value", [object(), {"a": 1}, [[1.0], [1.0, 2.0]], torch.ones(2, dtype=torch.bfloat16), None]
)
def test_what_is_no_array_is_refused(value: Any) -> None:
    with pytest.raises(SamplesError, match="which is no array"):
        numpy_of(value, "x", "here")
