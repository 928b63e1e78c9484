"""Which function computes which op, and what of an op it can take."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from mcompile.errors import Broken
from mcompile.graph import integer
from mcompile.simulate import convolutions, curves, elementwise, interpolated, pools, products
from mcompile.simulate.coded import Coded, saturated
from mcompile.simulate.exponent import softmax
from mcompile.simulate.requantize import Exit, held, is_wide, leave
from mcompile.simulate.resize import resize
from mcompile.types import Array, QParams, Scheme

Given = Sequence[Coded | Array]
Kernel = Callable[[ir.Node, Given, Exit, Scheme], Array]


def _conv(node: ir.Node, given: Given, out: Exit, scheme: Scheme) -> Array:
    data, weight = _pair(given)
    scale = np.asarray(data.params.scale.astype(np.float64) * weight.params.scale)
    if node.op_type == "Conv":
        total = convolutions.conv(node, data, weight, scheme)
    else:
        total = convolutions.conv_transpose(node, data, weight)
        scale = np.tile(scale, integer(node, "group", 1)) if scale.ndim else scale
    wide = [-1] + [1] * (total.ndim - 2)
    return _ended(total, scale.reshape(wide), given, out, scheme)


def _product(node: ir.Node, given: Given, out: Exit, scheme: Scheme) -> Array:
    left, right = _pair(given)
    if node.op_type == "Gemm":
        total, scale = products.gemm(node, left, right, scheme)
    else:
        total, scale = products.matmul(left, right, scheme)
    return _ended(total, scale, given, out, scheme)


def _quantize(_node: ir.Node, given: Given, out: Exit, _scheme: Scheme) -> Array:
    data, to = given[0], _codes(out)
    if isinstance(data, Coded):
        return curves.rescaled(data, out, to)
    return curves.entered(data, out, to)


def _resize(node: ir.Node, given: Given, out: Exit, _scheme: Scheme) -> Array:
    return saturated(resize(node, _first(given).codes), _codes(out), out.low, out.high)


def _ended(total: Array, scale: Array, given: Given, out: Exit, scheme: Scheme) -> Array:
    """The sums with their bias, as an integer where it has their unit, and what becomes of them."""
    data, _ = _pair(given)
    whole, bias = held(total, data.params.dtype), given[2] if len(given) > 2 else None
    wide = [-1] + [1] * (scale.ndim - 1) if scale.ndim > 1 else [-1]
    if isinstance(bias, Coded) and _same_unit(bias.params.scale, scale):
        whole = held(whole + _along(bias.centered(), wide), data.params.dtype)
        bias = None
    real = bias.real() if isinstance(bias, Coded) else bias
    real = None if real is None else _along(real, wide)
    # Only convolutions keep sums of 64 bits as they are; products of matrices narrow them again.
    return leave(
        whole, scale, out, scheme, real, wide=scale.ndim > 1 and is_wide(data.params.dtype)
    )


def _along(bias: Array, wide: list[int]) -> Array:
    return bias.reshape(wide) if bias.ndim == 1 and len(wide) > 1 else bias


def _same_unit(one: Array, other: Array) -> bool:
    return bool(np.allclose(one.reshape(-1), other.reshape(-1), rtol=1e-3, atol=0))


def _add(node: ir.Node, given: Given, out: Exit, scheme: Scheme) -> Array:
    one, other = _pair(given)
    sign = -1 if node.op_type == "Sub" else 1
    return elementwise.add(one, other, out, scheme, sign)


def _mul(_node: ir.Node, given: Given, out: Exit, scheme: Scheme) -> Array:
    return elementwise.mul(*_pair(given), out, scheme)


def _average(node: ir.Node, given: Given, out: Exit, scheme: Scheme) -> Array:
    data = _first(given)
    if node.op_type == "AveragePool":
        return pools.average_pool(node, data, out, scheme)
    keep = node.op_type == "GlobalAveragePool" or bool(integer(node, "keepdims", 1))
    return pools.mean(data, pools.reduced(node, data.codes.ndim) or [], keep, out, scheme)


def _curve(node: ir.Node, given: Given, out: Exit, _scheme: Scheme) -> Array:
    data, to = _first(given), _codes(out)
    if "16" in to.dtype:
        axis = integer(node, "axis", -1)
        wide = {"Sigmoid": interpolated.sigmoid, "Tanh": interpolated.tanh}
        op = wide.get(node.op_type)
        return interpolated.softmax(data, axis) if op is None else op(data)
    if node.op_type == "Softmax":
        return softmax(data, to, integer(node, "axis", -1))
    if node.op_type == "LeakyRelu":
        return curves.leaky_relu(data, out, to, node.attributes.get_float("alpha", 0.01))
    if node.op_type == "HardSwish":
        return curves.hard_swish(data, out, to)
    return curves.table(data, out, to, np.tanh if node.op_type == "Tanh" else curves.sigmoid)


_ALWAYS: dict[str, Kernel] = {
    "Conv": _conv,
    "ConvTranspose": _conv,
    "Gemm": _product,
    "MatMul": _product,
    "Add": _add,
    "Sub": _add,
    "Mul": _mul,
    "AveragePool": _average,
    "GlobalAveragePool": _average,
    "ReduceMean": _average,
}
_FIXED: dict[str, Kernel] = {
    "HardSwish": _curve,
    "LeakyRelu": _curve,
    "QuantizeLinear": _quantize,
    "Resize": _resize,
    "Sigmoid": _curve,
    "Softmax": _curve,
    "Tanh": _curve,
}
"""Ops that a runtime with floats computes in floats; any other with formulas of its own."""


def kernels(scheme: Scheme) -> dict[str, Kernel]:
    """The integer kernels of the scheme, by op."""
    return {**_ALWAYS, **(_FIXED if scheme.requantize == "fixed" else {})}


def _pair(given: Given) -> tuple[Coded, Coded]:
    return _first(given), _first(given[1:])


def _first(given: Given) -> Coded:
    data = given[0]
    if not isinstance(data, Coded):
        raise Broken("a step without codes", fix="report this model")
    return data


def _codes(out: Exit) -> QParams:
    if out.params is None:
        raise Broken("a step without codes", fix="report this model")
    return out.params
