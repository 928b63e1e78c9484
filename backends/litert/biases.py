"""Biases of layers on integers: a number of steps of input times weight, for each output."""

from __future__ import annotations

import numpy as np

from mcompile.backends.litert.draft import Quant, Tensor
from mcompile.backends.litert.place import WIDEST_BIAS
from mcompile.backends.litert.reading import reals
from mcompile.backends.litert.values import Constant
from mcompile.backends.litert.walk import Walk
from mcompile.types import Array

_NEAR = 1e-5  # what products of float32 scales are off by


def coded(walk: Walk, bias: Constant, weights: Constant, source: Tensor) -> Constant:
    """The bias in the type and unit that sums have; as it is where the node is on reals.

    ONNX has no Q/DQ of 64 bits: beside int16 activations a bias comes as float32, already rounded
    to whole steps.
    """
    if not walk.place.integers or weights.quant is None or source.quant is None:
        return bias
    kind = np.dtype(np.int64 if source.dtype == "int16" else np.int32)
    unit = np.float32(source.quant.scale[0]) * np.array(weights.quant.scale, np.float32)
    if bias.quant is not None and bias.data.dtype == kind and _in_units(bias.quant, unit):
        return bias
    real = bias.data if bias.quant is None else reals(bias.data, bias.quant)
    most = WIDEST_BIAS if kind == np.int64 else np.iinfo(np.int32).max
    steps = np.rint(real.astype(np.float64).reshape(-1) / unit).clip(-most, most)
    quant = Quant(tuple(map(float, unit)), (0,) * len(unit))
    return Constant(bias.name, steps.astype(kind), quant)


def _in_units(quant: Quant, unit: Array) -> bool:
    """Whether the bias counts in what the sums count in: another quantizer's may not."""
    fits = len(quant.scale) in (1, len(unit)) or len(unit) == 1
    same = fits and np.allclose(np.array(quant.scale), unit, rtol=_NEAR, atol=0.0)
    return same and not any(quant.zero_point)


def zeros(walk: Walk, weights: Constant, source: Tensor, count: int) -> Tensor:
    """A bias of nothing, in the type that sums have: kernels of older runtimes demand one."""
    if not walk.place.integers or weights.quant is None or source.quant is None:
        return walk.draft.constant("zeros", np.zeros(count, np.float32))
    scales = tuple(float(np.float32(source.quant.scale[0] * s)) for s in weights.quant.scale)
    dtype = np.int64 if source.dtype == "int16" else np.int32
    quant = Quant(scales, (0,) * len(scales))
    return walk.draft.constant("zeros", np.zeros(count, dtype), quant)
