"""Estimates, against graphs whose sizes are known."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile.backends.tensorrt.needs import BASE_MB, needs
from mcompile.profile import Device

from .written import one

DEVICE = Device("aarch64", memory_mb=4096)
ROW = "(float[1,250000] x) => (float[1,250000] y)"  # 1 MB each


def found(body, folder, device=DEVICE, signature=ROW, **weights):
    (folder / "model.onnx").write_bytes(bytes(2_000_000))
    return needs(one(body, signature, **weights), device, folder)


def test_what_lives_at_once_is_counted(tmp_path):
    chain = "a = Relu(x) b = Relu(a) y = Relu(b)"
    assert found(chain, tmp_path).activations_mb == pytest.approx(2)
    kept = "a = Relu(x) b = Relu(a) c = Relu(b) y = Add(a, c)"
    assert found(kept, tmp_path).activations_mb == pytest.approx(3)


def test_weights_are_counted_thrice_for_building(tmp_path):
    told = found("y = Add(x, w)", tmp_path, w=np.ones((1, 250_000), np.float32))
    assert told.weights_mb == pytest.approx(1)
    assert told.memory_mb == pytest.approx(BASE_MB + 3 * 1 + 2 * 2 + told.workspace_mb)
    assert told.disk_mb == pytest.approx(2 + 1.25 + 16)


def test_the_workspace_follows_the_largest_layer_up_to_a_quarter_of_the_device(tmp_path):
    assert found("y = Relu(x)", tmp_path).workspace_mb == 64
    wide = "(float[1,10000000] x) => (float[1,10000000] y)"  # 40 MB each
    assert found("y = Relu(x)", tmp_path, signature=wide).workspace_mb == 512
    small = replace(DEVICE, memory_mb=1000)
    assert found("y = Relu(x)", tmp_path, small, wide).workspace_mb == 250
    unknown = replace(DEVICE, memory_mb=None)
    assert found("y = Relu(x)", tmp_path, unknown, wide).workspace_mb == 512


def test_a_free_size_counts_as_one(tmp_path):
    free = "(float[n,250000] x) => (float[n,250000] y)"
    assert found("y = Relu(x)", tmp_path, signature=free).activations_mb == pytest.approx(2)
