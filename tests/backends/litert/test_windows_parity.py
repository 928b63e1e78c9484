"""Windows and pictures on integers: never more than a step from ONNX Runtime, on any kernel."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

from .alone import KERNELS, Alone, built, file_of, oracle, run

SEEDS = range(3)
PLACED = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
ROUNDED = ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")


def agrees(one: Alone, seed: int) -> None:
    case = built(one, seed)
    wanted, data = oracle(case), file_of(case)
    assert np.unique(wanted).size > 1
    for kernels in KERNELS:
        found = run(data, case, kernels)
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= 1, kernels


def sizes(rng, rank, low=6, high=12):
    return [int(n) for n in rng.integers(low, high, rank)]


def pads(rng, rank, most):
    return [int(n) for n in rng.integers(0, most + 1, 2 * rank)]


def steps(rng, rank):
    return [int(n) for n in rng.integers(1, 3, rank)]


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("form", ["plain", "grouped", "depthwise", "multiplied"])
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_convolutions(seed, rank, form, dtype):
    rng = np.random.default_rng([seed, rank, 1])
    group = {"plain": 1, "grouped": 2}.get(form, 6)
    outer = 12 if form == "multiplied" else 6
    kernel = [int(k) for k in rng.integers(1, 4, rank)]
    how = {"strides": steps(rng, rank), "pads": pads(rng, rank, 2), "group": group}
    if max(how["strides"]) == 1:
        how["dilations"] = steps(rng, rank)
    shape = (int(rng.integers(1, 3)), 6, *sizes(rng, rank))
    bias = outer * int(rng.integers(0, 2))
    agrees(Alone("Conv", shape, how, (outer, 6 // group, *kernel), 0, bias, dtype=dtype), seed)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("group", [1, 2, 6])
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_transposed_convolutions(seed, rank, group, dtype):
    rng = np.random.default_rng([seed, rank, group, 2])
    kernel = [int(k) for k in rng.integers(2, 5, rank)]
    how = {"strides": steps(rng, rank), "pads": pads(rng, rank, 1), "group": group}
    if seed == 2:
        how["dilations"] = steps(rng, rank)
    how["output_padding"] = [int(rng.integers(0, s)) for s in how["strides"]]
    inner = 6 // group
    one = Alone("ConvTranspose", (1, 6, *sizes(rng, rank)), how, (6, inner, *kernel), 1, 6)
    one.dtype = dtype
    agrees(one, seed)


def test_a_transposed_convolution_with_a_gap_that_no_weight_reaches():
    agrees(Alone("ConvTranspose", (1, 8, 5, 6), {"strides": [3, 3]}, (8, 6, 2, 2), 1, 6), 0)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("op", ["AveragePool", "MaxPool"])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_pools(seed, rank, op, dtype):
    rng = np.random.default_rng([seed, rank, 3])
    kernel = [int(k) for k in rng.integers(2, 4, rank)]
    how = {"kernel_shape": kernel, "strides": steps(rng, rank), "pads": pads(rng, rank, 1)}
    how["ceil_mode"] = int(rng.integers(0, 2)) if not any(how["pads"][rank:]) else 0
    if op == "AveragePool" and not how["ceil_mode"]:
        how["count_include_pad"] = int(rng.integers(0, 2))
    agrees(Alone(op, (1, 4, *sizes(rng, rank)), how, dtype=dtype), seed)


@pytest.mark.parametrize("op", ["AveragePool", "MaxPool"])
def test_dilated_pools(op):
    how = {"kernel_shape": [3, 2], "dilations": [2, 3], "strides": [2, 1], "pads": [2, 1, 0, 1]}
    agrees(Alone(op, (1, 4, 9, 10), how), 0)


@pytest.mark.parametrize("op", ["GlobalAveragePool", "GlobalMaxPool"])
@pytest.mark.parametrize("shape", [(2, 6, 20), (1, 6, 7, 9), (1, 3, 4, 5, 6)])
def test_pools_of_all(shape, op):
    agrees(Alone(op, shape), 1)


@pytest.mark.parametrize("placed", PLACED)
@pytest.mark.parametrize("rounded", ROUNDED)
@pytest.mark.parametrize("seed", SEEDS)
def test_nearest_entries(seed, rounded, placed):
    rng = np.random.default_rng([seed, 4])
    how = {"coordinate_transformation_mode": placed, "nearest_mode": rounded}
    size = np.array([1, 3, *rng.integers(2, 24, 2)])
    agrees(Alone("Resize", (1, 3, *sizes(rng, 2)), how, others=(None, None, size)), seed)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("placed", PLACED)
@pytest.mark.parametrize("seed", SEEDS)
def test_entries_between(seed, placed, mode, dtype):
    rng = np.random.default_rng([seed, 5])
    how = {"mode": mode, "coordinate_transformation_mode": placed}
    shape = (1, 3, *sizes(rng, 2))
    if seed:
        others = (None, None, np.array([1, 3, *rng.integers(2, 40, 2)]))
    else:
        others = (None, np.array([1, 1, 2, 1.7], np.float32))
    agrees(Alone("Resize", shape, how, others=others, dtype=dtype), seed)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
@pytest.mark.parametrize("seed", SEEDS)
def test_pads(seed, mode, dtype):
    rng = np.random.default_rng([seed, 6])
    width = np.array([0, 0, *rng.integers(-1, 4, 2), 0, 1, *rng.integers(-1, 4, 2)])
    others = (width, np.float32(rng.uniform(-2, 2))) if mode == "constant" else (width,)
    agrees(Alone("Pad", (1, 3, *sizes(rng, 2)), {"mode": mode}, others=others, dtype=dtype), seed)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("mode", ["DCR", "CRD"])
@pytest.mark.parametrize("block", [2, 3])
def test_blocks(block, mode, dtype):
    how = {"blocksize": block}
    shape = (2, 2 * block**2, 3, 4)
    agrees(Alone("DepthToSpace", shape, how | {"mode": mode}, dtype=dtype), 0)
    agrees(Alone("SpaceToDepth", (2, 2, 3 * block, 4 * block), how, dtype=dtype), 0)
