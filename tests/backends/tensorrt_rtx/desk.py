"""Targets and small programs for the tests of TensorRT-RTX, which are skipped without it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip(
    "tensorrt_rtx", reason="tensorrt_rtx is not installed: pip install tensorrt-rtx"
)

from mcompile.graph import infer_shapes, parse
from mcompile.profile import Device, Runtime, Target
from mcompile.types import Precision

HEAD = '<ir_version: 9, opset_import: ["": 17, "nobody.knows": 1]>'


def target(capability="8.9", precision=Precision.FP32, versions=">=1.7", arch="x86_64"):
    """A GPU of that compute capability in a host of that architecture."""
    device = Device(arch, compute_capability=capability)
    return Target("desk", "a desk", "tensorrt_rtx", precision, device, Runtime(versions=versions))


def program(body, signature="(float[1,4] x) => (float[1,4] y)", weights=None):
    """The program of that text, shapes filled in where ONNX can tell them."""
    found = parse(f"{HEAD} net {signature} {{ {body} }}", weights or {}, "net")
    infer_shapes(found)
    return found


def product():
    """A product of float32 matrices: what Turing has no kernel for."""
    rng = np.random.default_rng(5)
    return program("[mul] y = MatMul(x, w)", weights={"w": rng.standard_normal((4, 4), np.float32)})
