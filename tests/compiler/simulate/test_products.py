"""Sums of matrix products and their units."""

from dataclasses import replace

import numpy as np
import onnx_ir as ir

from mcompile.simulate.coded import Coded
from mcompile.simulate.products import gemm, matmul
from mcompile.types import QParams

from .sandwiches import X86, codes, weights


def data(rng, *shape):
    params = QParams(np.asarray(0.5, np.float32), np.asarray(9, np.uint8), "uint8")
    return Coded(codes(rng, "uint8", *shape), params)


def layer(rng, axis, *shape):
    scale = np.arange(1, shape[axis] + 1, dtype=np.float32)
    return Coded(weights(rng, *shape), QParams(scale, np.zeros(shape[axis], np.int8), "int8", axis))


def test_a_product_has_a_unit_for_each_column():
    rng = np.random.default_rng(0)
    left, right = data(rng, 2, 3, 7), layer(rng, 1, 7, 4)
    total, unit = matmul(left, right, X86)
    np.testing.assert_array_equal(total, left.centered() @ right.centered())
    assert unit.tolist() == [0.5, 1.0, 1.5, 2.0]


def test_a_gemm_turns_its_operands_and_scales_its_sums():
    rng = np.random.default_rng(1)
    left, right = data(rng, 7, 3), layer(rng, 0, 4, 7)
    node = ir.node("Gemm", [None, None], {"transA": 1, "transB": 1, "alpha": 2.0})
    total, unit = gemm(node, left, right, X86)
    np.testing.assert_array_equal(total, left.centered().T @ right.centered().T)
    assert unit.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_vectors_are_multiplied_too():
    rng = np.random.default_rng(2)
    left, right = data(rng, 7), layer(rng, 1, 7, 4)
    np.testing.assert_array_equal(matmul(left, right, X86)[0], left.centered() @ right.centered())


def test_every_product_of_a_batch_saturates_alone():
    rng = np.random.default_rng(3)
    left, right = data(rng, 3, 2, 8), layer(rng, 1, 8, 4)
    left = Coded(np.full_like(left.codes, 255), left.params)
    right = Coded(np.full_like(right.codes, 127), right.params)
    pairs = replace(X86, pair_saturates=True)
    exact, lossy = matmul(left, right, X86)[0], matmul(left, right, pairs)[0]
    assert (exact - lossy == 4 * (2 * 255 * 127 - 32767)).all()
