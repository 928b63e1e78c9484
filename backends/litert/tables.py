"""Curves without a kernel for codes of 8 bits: a table of what becomes of each code.

    y = table[x + 128]        table[k] = round(f(s_x (k - 128 - z_x)) / s_y) + z_y

CAST, ADD and GATHER read it; none of them computes on reals. Halves are rounded away from zero, as
the kernels that have such tables inside do. No chain of kernels is as near to the curve.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Quant, Tensor
from mcompile.backends.litert.lowering import BYTES, Lowering, Write
from mcompile.backends.litert.walk import Walk
from mcompile.types import Array

Curve = Callable[[Array], Array]


def tabled(write: Write, curve: Callable[[ir.Node], Curve]) -> Lowering:
    """The lowering that reads a table where the node is on integers, and writes it else."""

    def either(walk: Walk, node: ir.Node) -> None:
        if walk.place.integers and node.inputs[0] is not None:
            held = walk.held(node.inputs[0])
            looked_up(walk, held.tensor, curve(node), walk.make(held.order))
        else:
            write(walk, node)

    return Lowering(either, integers=BYTES)


def looked_up(walk: Walk, source: Tensor, curve: Curve, out: Tensor) -> None:
    """Write into `out` the codes of the curve of the codes in `source`."""
    draft = walk.draft
    if source.quant is None or out.quant is None:
        raise walk.place.refused("a table of codes without a scale")
    place = walk.scratch(source, source.shape, dtype="int32", quant=None)
    draft.emit("CAST", [source], [place], "CastOptions")
    if source.dtype == "int8":
        moved = walk.scratch(source, source.shape, dtype="int32", quant=None)
        half = draft.constant("half", np.array(128, np.int32))
        draft.emit("ADD", [place, half], [moved], "AddOptions")
        place = moved
    codes = table(curve, (source.dtype, source.quant), (out.dtype, out.quant))
    made = draft.constant("table", codes, out.quant)
    draft.emit("GATHER", [made, place], [out], "GatherOptions", axis=0)


def table(curve: Curve, read: tuple[str, Quant], made: tuple[str, Quant]) -> Array:
    """256 codes: what each code that is read becomes, the least first. No number is no signal."""
    (kind, quant), (to, out) = read, made
    ends, limits = np.iinfo(kind), np.iinfo(to)
    codes = np.arange(ends.min, ends.max + 1, dtype=np.float32) - np.float32(quant.zero_point[0])
    x = (codes * np.float32(quant.scale[0])).astype(np.float64)  # as kernels make reals of codes
    with np.errstate(all="ignore"):
        y = np.nan_to_num(curve(x) / out.scale[0], nan=0.0)
    whole = np.sign(y) * np.floor(np.abs(y) + 0.5) + out.zero_point[0]
    return np.asarray(np.clip(whole, limits.min, limits.max).astype(to))


def plain(curve: Curve) -> Callable[[ir.Node], Curve]:
    """A curve that no attribute changes."""
    return lambda _: curve


def erf(x: Array) -> Array:
    """The error function."""
    return np.array([math.erf(v) for v in x])


def softplus(x: Array) -> Array:
    """log(1 + e^x)"""
    return np.logaddexp(0.0, x)


def celu(node: ir.Node) -> Curve:
    """x, and alpha * (e^(x / alpha) - 1) below 0"""
    alpha = node.attributes.get_float("alpha", 1.0)
    return lambda x: np.where(x > 0, x, alpha * np.expm1(x / alpha))


def elu(node: ir.Node) -> Curve:
    """x, and alpha * (e^x - 1) below 0"""
    alpha = node.attributes.get_float("alpha", 1.0)
    return lambda x: np.where(x > 0, x, alpha * np.expm1(x))


def selu(node: ir.Node) -> Curve:
    """gamma * x, and gamma * alpha * (e^x - 1) below 0"""
    alpha = node.attributes.get_float("alpha", 1.6732631921768188)
    gamma = node.attributes.get_float("gamma", 1.0507010221481323)
    return lambda x: gamma * np.where(x > 0, x, alpha * np.expm1(x))


def swish(node: ir.Node) -> Curve:
    """x / (1 + e^(-alpha x))"""
    alpha = node.attributes.get_float("alpha", 1.0)
    return lambda x: x / (1.0 + np.exp(-alpha * x))


def hard_sigmoid(node: ir.Node) -> Curve:
    """alpha * x + beta within 0 and 1"""
    alpha = node.attributes.get_float("alpha", 0.2)
    beta = node.attributes.get_float("beta", 0.5)
    return lambda x: np.clip(alpha * x + beta, 0.0, 1.0)


def thresholded(node: ir.Node) -> Curve:
    """x above alpha, else 0"""
    alpha = node.attributes.get_float("alpha", 1.0)
    return lambda x: np.where(x > alpha, x, 0.0)


def shrink(node: ir.Node) -> Curve:
    """x - bias above lambd, x + bias below -lambd, 0 between"""
    bias, end = node.attributes.get_float("bias", 0.0), node.attributes.get_float("lambd", 0.5)
    return lambda x: np.where(x > end, x - bias, np.where(x < -end, x + bias, 0.0))


def mish(x: Array) -> Array:
    """x * tanh(log(1 + e^x))"""
    return np.asarray(x * np.tanh(softplus(x)))


def softsign(x: Array) -> Array:
    """x / (1 + |x|)"""
    return np.asarray(x / (1.0 + np.abs(x)))
