"""Products on integers, each alone between Q/DQ pairs: never more than a step from ONNX Runtime.

x -> Q -> DQ -> Gemm, MatMul or Einsum -> Q -> DQ -> y        constants behind a DQ of their own
"""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from mcompile.oracle import Oracle

from .alone import KERNELS, Alone, Built, built, file_of, operators, oracle
from .lowered import model

ENDS = {"int8": (-128, 127), "int16": (-32768, 32767)}


def furthest(case, data, kernels):
    """How many steps the codes are from the oracle's, at most."""
    runner = Interpreter(model_content=data, experimental_op_resolver_type=KERNELS[kernels])
    runner.allocate_tensors()
    ports = runner._get_full_signature_list()["serving_default"]
    for name, array in case.feeds.items():
        runner.set_tensor(ports["inputs"][name], array)
    runner.invoke()
    wanted, found = oracle(case), case.codes(runner.get_tensor(ports["outputs"]["y"]))
    assert found.shape == wanted.shape
    assert np.unique(wanted).size > 20
    return np.abs(found - wanted).max()


CONSTANT = {  # attributes, x, weights, the axis of their scales, a bias
    "Gemm": [
        ({"transB": 1}, (5, 24), (12, 24), 0, 12),
        ({}, (9, 40), (40, 7), 1, 7),
        ({"transA": 1}, (16, 6), (16, 9), 1, 0),
    ],
    "MatMul": [
        ({}, (4, 30), (30, 11), 1, 0),
        ({}, (2, 5, 16), (16, 8), 1, 0),
        ({}, (1, 3, 4, 64), (64, 33), 1, 0),
    ],
    "Einsum": [
        ({"equation": "ij,jk->ik"}, (4, 30), (30, 11), 1, 0),
        ({"equation": "bij,kj->bik"}, (2, 5, 16), (8, 16), 0, 0),
        ({"equation": "bij,jk->kib"}, (2, 5, 16), (16, 8), 1, 0),
    ],
}
ROWS = [(op, *row) for op, rows in CONSTANT.items() for row in rows]


@pytest.mark.parametrize("dtype", ENDS)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("op", "how", "shape", "weights", "channel", "bias"), ROWS)
def test_a_constant_matrix(op, how, shape, weights, channel, bias, seed, dtype):
    case = built(Alone(op, shape, how, weights, channel, bias, dtype=dtype), seed)
    data = file_of(case)
    assert "FULLY_CONNECTED" in operators(data)
    for kernels in KERNELS:
        assert furthest(case, data, kernels) <= 1, kernels


COMPUTED = {
    "MatMul (xr, zr)": ((2, 6, 16), (2, 16, 9)),
    "MatMul (xr, t)": ((2, 3, 6, 16), (2, 3, 9, 16)),
    "Gemm <transA = 1> (xr, zr)": ((16, 6), (16, 9)),
    'Einsum <equation = "bqhd,bkhd->bhqk"> (xr, zr)': ((1, 5, 2, 16), (1, 7, 2, 16)),
    'Einsum <equation = "bhwc,hkc->bhwk"> (xr, zr)': ((2, 3, 4, 8), (3, 6, 8)),
    'Einsum <equation = "bi,bj->bij"> (xr, zr)': ((2, 12), (2, 10)),
}


def product(op, shapes, dtype):
    """The op on two operands that are fed, with a scale that fits what it makes."""
    rng, (low, high), wide = np.random.default_rng(len(op)), ENDS[dtype], dtype == "int16"
    stored, feeds, body = {}, {}, ""
    for name, shape, step in zip("xz", shapes, (0.02, 0.03), strict=True):
        scale, zero = np.float32(step / (256 if wide else 1)), 0 if wide else rng.integers(-40, 40)
        feeds[name] = ((rng.integers(low, high + 1, shape) - zero) * scale).astype(np.float32)
        stored |= {f"{name}s": scale, f"{name}z": np.array(zero, dtype)}
        body += f"{name}q = QuantizeLinear ({name}, {name}s, {name}z)\n"
        body += f"{name}r = DequantizeLinear ({name}q, {name}s, {name}z)\n"
    given = ", ".join(f"float{[*s]} {n}" for n, s in zip("xz", shapes, strict=True))
    body += "t = Transpose <perm = [0, 1, 3, 2]> (zr)\n" if "t)" in op else ""
    real = Oracle(model(given, f"{body} y = {op}", opset=21, **stored)).run(feeds)["y"]
    stored |= {"ys": np.float32(np.abs(real).max() / high), "yz": np.array(0, dtype)}
    body += f"r = {op}\n yq = QuantizeLinear (r, ys, yz)\n y = DequantizeLinear (yq, ys, yz)"
    return Built(model(given, body, opset=21, **stored), feeds, stored["ys"], 0)


@pytest.mark.parametrize("dtype", ENDS)
@pytest.mark.parametrize("op", COMPUTED)
def test_two_computed_operands(op, dtype):
    case = product(op, COMPUTED[op], dtype)
    data = file_of(case)
    assert {"BATCH_MATMUL", "MUL"} & {*operators(data)}
    for kernels in KERNELS:
        assert furthest(case, data, kernels) <= 1, kernels
