"""GPU memory through each binding there is, and what is said where there is none."""

from __future__ import annotations

import pytest

from .desk import lay


@pytest.mark.parametrize("binding", ["pycuda_here", "bindings_here", "cudart_here"])
def test_every_binding_gives_the_same_engine_and_outputs(tmp_path, binding):
    desk = lay(tmp_path)
    ran = desk.run(binding=binding, integrated=False, gpu="NVIDIA A10")
    assert (ran.returncode, ran.stderr) == (0, "")
    told = desk.measured()
    assert 0 < told["golden_error"] < 0.05
    # The plan and the two tensors; an integrated GPU would have counted the process's own too.
    taken = told["engine"]["bytes"] + 3 * 64 * 4 + 4 * 4
    assert told["memory_peak_mb"] == round(taken / 1e6, 3)
    assert told["device"]["name"] == "NVIDIA A10"


@pytest.mark.parametrize(
    ("binding", "device", "what"),
    [
        ("", {}, "neither pycuda nor cuda-python is here"),
        ("pycuda_here", {"gpus": None}, "no GPU can be opened: cuInit failed"),
        ("pycuda_here", {"gpus": 0}, "no GPU can be opened: no CUDA device"),
        ("bindings_here", {"gpus": None}, "no GPU can be opened: cudaGetDeviceCount"),
        ("bindings_here", {"gpus": 0}, "no GPU can be opened: no CUDA device"),
    ],
)
def test_no_gpu_to_be_had(tmp_path, binding, device, what):
    ran = lay(tmp_path, "fp32").run("--check-only", binding=binding, **device)
    assert ran.returncode == 5
    assert what in ran.stderr.splitlines()[0]
    assert len(ran.stderr.splitlines()) == 3


@pytest.mark.parametrize("binding", ["pycuda_here", "bindings_here"])
def test_memory_that_is_not_to_be_had(tmp_path, binding):
    desk = lay(tmp_path, "fp32")
    assert desk.run("--build-only").returncode == 0
    ran = desk.run("--engine", str(desk.kit / "model.engine"), binding=binding, free=10)
    assert ran.returncode == 7
    assert "MB of GPU memory for x are not to be had" in ran.stderr
