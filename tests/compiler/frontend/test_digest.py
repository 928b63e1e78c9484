import hashlib

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from onnx import numpy_helper

from mcompile.errors import SourceError
from mcompile.frontend.digest import digest
from mcompile.frontend.options import CaptureOptions


def test_a_file_is_its_bytes(tmp_path):
    (tmp_path / "m.bin").write_bytes(b"abc" * 1000)
    assert digest(tmp_path / "m.bin") == hashlib.sha256(b"abc" * 1000).hexdigest()


def test_external_data_counts(tmp_path):
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]>'
        "g (float[1, 64] x) => (float[1, 64] y) { y = MatMul(x, w) }"
    )
    model.graph.initializer.append(numpy_helper.from_array(np.ones((64, 64), np.float32), "w"))
    path = tmp_path / "m.onnx"
    onnx.save(model, path, save_as_external_data=True, location="w.bin")
    both = path.read_bytes() + (tmp_path / "w.bin").read_bytes()
    assert digest(path) == hashlib.sha256(both).hexdigest()
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(SourceError, match="truncated or damaged"):
        digest(path)


def test_a_module_is_its_weights(nets):
    first, second = nets.Tiny(), nets.Tiny()
    assert digest(first) != digest(second)
    second.load_state_dict(first.state_dict())
    assert digest(first) == digest(second)
    assert digest(first.bfloat16()) != digest(second)


def test_a_callable_is_what_it_builds(nets):
    reference = f"{nets.__name__}:tiny"
    five = CaptureOptions(arch_args={"classes": 5})
    assert digest(reference) == digest(reference)
    assert digest(reference, five) != digest(reference)
    assert digest(torch.nn.Identity()) == hashlib.sha256().hexdigest()


def test_a_model_in_memory_is_its_protobuf(affine):
    assert digest(affine) == digest(onnx.ModelProto.FromString(affine.SerializeToString()))
    assert len(digest(ir.from_proto(affine))) == 64


def test_what_is_no_source_has_no_digest():
    with pytest.raises(SourceError, match="not a model of any kind"):
        digest(42)
