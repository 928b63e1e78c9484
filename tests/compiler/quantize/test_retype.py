"""Constants in another float type."""

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.quantize import retype
from mcompile.quantize.retype import stored

F16, BF16 = ir.DataType.FLOAT16, ir.DataType.BFLOAT16


@pytest.mark.parametrize(("half", "top"), [(F16, 65504.0), (BF16, 3.3895314e38)])
def test_numbers_beyond_the_range_become_its_ends(half, top):
    data = np.array([3.4e38, -3.4e38, np.inf, -np.inf, 1.5], np.float32)
    made = stored(ir.tensor(data), half).numpy().astype(np.float32)
    assert made.tolist() == [np.float32(top), -np.float32(top), np.inf, -np.inf, 1.5]


def test_numbers_are_rounded_to_nearest():
    data = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    assert (stored(ir.tensor(data), F16).numpy() == data.astype(np.float16)).all()
    coarse = stored(ir.tensor(data), BF16).numpy().astype(np.float32)
    assert 0 < np.abs(coarse / data - 1).max() <= 2**-8


def test_the_way_back_is_exact():
    data = ir.tensor(np.array([1.5, -0.1], np.float16))
    assert (stored(data, ir.DataType.FLOAT).numpy() == data.numpy().astype(np.float32)).all()


def test_large_constants_are_converted_when_they_are_read_and_in_slabs(monkeypatch):
    monkeypatch.setattr(retype, "MAPPED_ABOVE", 100)
    monkeypatch.setattr(graph, "MAPPED_ABOVE", 100)
    monkeypatch.setattr(retype, "_SLAB", 7)
    data = np.random.default_rng(0).standard_normal((20, 10)).astype(np.float32)
    made = stored(ir.tensor(data, name="w"), F16)
    assert isinstance(made, ir.LazyTensor)
    assert (made.dtype, tuple(made.shape), made.name) == (F16, (20, 10), "w")
    assert isinstance(made.numpy(), np.memmap)
    assert (made.numpy() == data.astype(np.float16)).all()


def test_scalars_and_empty_tensors_keep_their_shape():
    for shape in ((), (0, 3)):
        assert stored(ir.tensor(np.ones(shape, np.float32)), F16).numpy().shape == shape
