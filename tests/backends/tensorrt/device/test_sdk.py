"""The device's TensorRT and GPU: missing, of another version, of another kind."""

from __future__ import annotations

import pytest

from .desk import FAKES, lay


def test_no_tensorrt(tmp_path):
    desk = lay(tmp_path, "fp32")
    (desk.kit / "tensorrt.py").write_text((FAKES / "absent" / "tensorrt.py").read_text())
    ran = desk.run("--check-only")
    assert ran.returncode == 5
    assert ran.stderr.startswith("error: TensorRT's Python package is not here")
    assert "python3-libnvinfer" in ran.stderr.splitlines()[2]


@pytest.mark.parametrize(
    ("device", "what"),
    [
        ({"tensorrt": "8.2.1.8"}, "TensorRT is 8.2.1.8, and the kit was written for >=8.5,<11"),
        ({"tensorrt": "11.1.0.15"}, "TensorRT is 11.1.0.15, and the kit was written for"),
        ({"sm": "5.3"}, "the GPU is sm 5.3, and the kit was written for sm 8.7"),
    ],
)
def test_another_device(tmp_path, device, what):
    desk = lay(tmp_path, "fp32", tensorrt=">=8.5,<11")
    ran = desk.run(**device)
    assert ran.returncode == 7
    assert what in ran.stderr
    assert not (desk.kit / "model.engine").exists()
