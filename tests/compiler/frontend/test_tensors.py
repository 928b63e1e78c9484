"""Initializers that hold less or more than they say."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx import helper as proto

from mcompile.errors import SourceError
from mcompile.frontend.tensors import check_tensor

KINDS = [k for k in TensorProto.DataType.values() if k]


@pytest.mark.parametrize("kind", KINDS)
def test_what_onnx_itself_writes_is_right(kind):
    values = [b"a", b"b", b"c"] if kind == TensorProto.STRING else [1, 0, 1]
    check_tensor(proto.make_tensor("w", kind, [3], values), "m.onnx")
    check_tensor(proto.make_tensor("w", kind, [0], []), "m.onnx")


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "float16", "complex64"])
def test_raw_data_of_the_right_length_is_right(dtype):
    check_tensor(onnx.numpy_helper.from_array(np.ones((2, 3), dtype), "w"), "m.onnx")
    check_tensor(onnx.numpy_helper.from_array(np.ones((), dtype), "w"), "m.onnx")


def edited(**fields):
    tensor = onnx.numpy_helper.from_array(np.ones((2, 3), np.float32), "w")
    for name, value in fields.items():
        if name == "dims":
            tensor.dims[:] = value
        else:
            setattr(tensor, name, value)
    return tensor


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (edited(raw_data=b"\0" * 7), "7 bytes where its type and shape need 24"),
        (edited(raw_data=b"\0" * 28), "28 bytes where its type and shape need 24"),
        (edited(dims=[2, -3]), r"\[2, -3\] is not a shape"),
        (edited(data_type=99), "99 is not an element type"),
        (edited(data_type=0), "0 is not an element type"),
        (edited(name=""), "an initializer has no name"),
        (edited(data_type=TensorProto.STRING), "text cannot be stored as raw data"),
        (onnx.TensorProto(name="w", data_type=1, dims=[2]), "0 values where .* need 2"),
        (onnx.TensorProto(name="w", data_type=1, dims=[2], float_data=[1]), "1 values where"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_tensor_named(tensor, words):
    with pytest.raises(SourceError, match=words) as caught:
        check_tensor(tensor, "m.onnx")
    assert caught.value.where == f"m.onnx, tensor {tensor.name or 'without a name'}"


def test_data_in_another_file_is_not_looked_at():
    tensor = edited(raw_data=b"", data_location=TensorProto.EXTERNAL)
    check_tensor(tensor, "m.onnx")
