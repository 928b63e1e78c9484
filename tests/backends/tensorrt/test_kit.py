"""`kit.json`, as the device's script reads it."""

import json

import pytest

from mcompile.backends.tensorrt.device.kit import read_kit
from mcompile.backends.tensorrt.kit import TOLERANCES, Kit, facts
from mcompile.backends.tensorrt.needs import Needs
from mcompile.backends.tensorrt.pins import plain
from mcompile.types import File, Precision

from .written import quantized, target

NEEDS = Needs(1, 2, 64, 700.25, 21)
FILES = [File("model.onnx", "ab" * 32, 9), File("calibration.txt", "cd" * 32, 1)]


@pytest.fixture
def told():
    there = target(">=8.5,<11")
    bounds = {"x": {"min": [1, 3], "opt": [1, 3], "max": [16, 3]}}
    return facts(Kit(quantized(there), there, plain(">=8.5,<11"), NEEDS, bounds), FILES)


def test_the_facts_of_a_kit(told):
    known = json.loads(told)
    assert known["model"] == "model.onnx"
    assert known["sha256"] == known["files"]["model.onnx"] == "ab" * 32
    assert (known["calibration"], known["float_model"]) == ("calibration.txt", None)
    assert (known["tensorrt"], known["compute_capability"]) == (">=8.5,<11", "8.7")
    assert (known["integer_layers"], known["half_layers"]) == (2, 0)
    assert (known["memory_needed_mb"], known["workspace_mb"], known["disk_mb"]) == (700.2, 64, 21)
    assert known["inputs"] == [{"name": "x", "dtype": "float32", "shape": [1, 16, 8, 8]}]
    assert known["profiles"]["x"]["max"] == [16, 3]
    assert (known["opset"], known["memory_mb"]) == (13, 8192)


def test_the_device_reads_them(told, tmp_path):
    (tmp_path / "kit.json").write_bytes(told)
    read = read_kit(str(tmp_path))
    assert (read.target, read.precision, read.tensorrt) == ("desk", "int8", ">=8.5,<11")
    assert read.tolerance == TOLERANCES[Precision.INT8]
