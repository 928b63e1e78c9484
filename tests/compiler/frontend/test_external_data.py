import hashlib
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mcompile.errors import SourceError
from mcompile.frontend import external_data


def model(**said: object) -> onnx.ModelProto:
    entries = {"location": "w.bin", "offset": 0, "length": 24} | said
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3, 2])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        [tensor],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    np.arange(6, dtype=np.float32).tofile(folder / "w.bin")
    return folder / "m.onnx"


def test_a_whole_file_in_the_folder_passes(path):
    external_data.check(model(), path)
    external_data.check(model(offset=None, length=None), path)
    assert external_data.files(model(), path) == [path.parent / "w.bin"]


def test_a_checksum_that_matches_passes(path):
    right = hashlib.sha1((path.parent / "w.bin").read_bytes()).hexdigest()
    external_data.check(model(checksum=right.upper()), path)


def test_a_checksum_that_does_not_match_is_refused(path):
    with pytest.raises(SourceError, match="the checksum of an external tensor") as caught:
        external_data.check(model(checksum="0" * 40), path)
    assert "tensor w, file w.bin" in caught.value.where


def test_a_missing_file_is_named(path):
    with pytest.raises(SourceError, match="a file with external data is missing") as caught:
        external_data.check(model(location="weights.bin"), path)
    assert "weights.bin" in caught.value.where


@pytest.mark.parametrize(
    "location",
    ["/etc/hostname", "../w.bin", "sub/../../w.bin", "C:\\w.bin", "..\\w.bin", "", None, "link"],
)
def test_a_place_outside_the_folder_is_refused(path, location):
    np.arange(6, dtype=np.float32).tofile(path.parent.parent / "w.bin")
    (path.parent / "link").symlink_to(path.parent.parent / "w.bin")
    with pytest.raises(SourceError, match="outside the model's folder; it was not opened"):
        external_data.check(model(location=location), path)


def test_a_link_that_stays_in_the_folder_is_followed(path):
    (path.parent / "link").symlink_to("w.bin")
    external_data.check(model(location="link"), path)


def test_a_hard_link_is_refused(path):
    os.link(path.parent / "w.bin", path.parent.parent / "other.bin")
    with pytest.raises(SourceError, match="hard link"):
        external_data.check(model(), path)


@pytest.mark.parametrize(
    "said", [{"offset": 8}, {"length": 20}, {"offset": -4}, {"length": "many"}, {"length": 1 << 70}]
)
def test_a_tensor_that_does_not_fit_its_file_is_damage(path, said):
    with pytest.raises(SourceError, match="does not fit its file"):
        external_data.check(model(**said), path)


def test_tensors_are_found_in_attributes_and_subgraphs_too():
    inner = model().graph
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    constant = helper.make_node("Constant", [], ["k"], value=inner.initializer[0])
    outer = onnx.ModelProto(graph=onnx.GraphProto(node=[node, constant]))
    assert [t.name for t in external_data.tensors(outer)] == ["w", "w", "w"]
