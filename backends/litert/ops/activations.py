"""Curves: what is computed of each number alone, as one operator or in terms of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert import tables
from mcompile.backends.litert.broadcast import aligned
from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.lowering import BOTH, BYTES, Lowering, Write
from mcompile.backends.litert.ops.clips import between
from mcompile.backends.litert.steps import Steps
from mcompile.backends.litert.tables import plain, tabled
from mcompile.backends.litert.values import Held
from mcompile.backends.litert.walk import Walk

_A_SIXTH = 1e-6  # what float32 is off by
_RELU6 = 3  # as the schema counts


def source(walk: Walk, node: ir.Node) -> Held:
    """The one value that the node reads."""
    if node.inputs[0] is None:
        raise walk.place.refused("its input is left out")
    return walk.held(node.inputs[0])


def _unary(kind: str, **fields: Any) -> Write:
    def write(walk: Walk, node: ir.Node) -> None:
        held = source(walk, node)
        Steps(walk)(kind, held.tensor, out=walk.make(held.order), **fields)

    return write


def _leaky(walk: Walk, node: ir.Node) -> None:
    alpha = node.attributes.get_float("alpha", 0.01)
    held = source(walk, node)
    Steps(walk)("LEAKY_RELU", held.tensor, out=walk.make(held.order), alpha=alpha)


def _elu(walk: Walk, node: ir.Node) -> None:
    """max(x, 0) + alpha * min(e^x - 1, 0), which for alpha = 1 is ELU."""
    held, alpha = source(walk, node), node.attributes.get_float("alpha", 1.0)
    steps = Steps(walk)
    if alpha == 1.0:
        steps("ELU", held.tensor, out=walk.make(held.order))
        return
    below = steps("MUL", steps("ELU", steps("MINIMUM", held.tensor, 0.0)), alpha)
    steps("ADD", steps("RELU", held.tensor), below, out=walk.make(held.order))


def _selu(walk: Walk, node: ir.Node) -> None:
    alpha = node.attributes.get_float("alpha", 1.6732631921768188)
    gamma = node.attributes.get_float("gamma", 1.0507010221481323)
    held, steps = source(walk, node), Steps(walk)
    below = steps("MUL", steps("ELU", steps("MINIMUM", held.tensor, 0.0)), alpha * gamma)
    above = steps("MUL", steps("RELU", held.tensor), gamma)
    steps("ADD", above, below, out=walk.make(held.order))


def _celu(walk: Walk, node: ir.Node) -> None:
    """alpha * ELU(x / alpha)"""
    alpha = node.attributes.get_float("alpha", 1.0)
    held, steps = source(walk, node), Steps(walk)
    if alpha <= 0:
        raise walk.place.refused("a Celu with an alpha that is not above 0")
    shrunk = steps("ELU", steps("MUL", held.tensor, 1 / alpha))
    steps("MUL", shrunk, alpha, out=walk.make(held.order))


def _hard_sigmoid(walk: Walk, node: ir.Node) -> None:
    """clamp(alpha * x + beta, 0, 1); of a sixth it is relu6(x + 6 * beta) / 6."""
    alpha = node.attributes.get_float("alpha", 0.2)
    beta = node.attributes.get_float("beta", 0.5)
    held, steps = source(walk, node), Steps(walk)
    if abs(6.0 * alpha - 1.0) < _A_SIXTH:
        raised = steps("ADD", held.tensor, 6.0 * beta, fusedActivationFunction=_RELU6)
        steps("MUL", raised, alpha, out=walk.make(held.order))
        return
    line = steps("ADD", steps("MUL", held.tensor, alpha), beta)
    between(walk, line, (0.0, 1.0), walk.make(held.order))


def _swish(walk: Walk, node: ir.Node) -> None:
    alpha = node.attributes.get_float("alpha", 1.0)
    held, steps = source(walk, node), Steps(walk)
    inner = held.tensor if alpha == 1.0 else steps("MUL", held.tensor, alpha)
    steps("MUL", held.tensor, steps("LOGISTIC", inner), out=walk.make(held.order))


def softplus(steps: Steps, value: Tensor, out: Tensor | None = None) -> Tensor:
    """log(1 + e^x) as max(x, 0) + log(1 + e^-|x|), which no exponential overflows."""
    tail = steps("EXP", steps("NEG", steps("ABS", value)))
    return steps("ADD", steps("RELU", value), steps("LOG", steps("ADD", tail, 1.0)), out=out)


def _softplus(walk: Walk, node: ir.Node) -> None:
    held = source(walk, node)
    softplus(Steps(walk), held.tensor, walk.make(held.order))


def _mish(walk: Walk, node: ir.Node) -> None:
    held, steps = source(walk, node), Steps(walk)
    curve = steps("TANH", softplus(steps, held.tensor))
    steps("MUL", held.tensor, curve, out=walk.make(held.order))


def _softsign(walk: Walk, node: ir.Node) -> None:
    held, steps = source(walk, node), Steps(walk)
    size = steps("ADD", steps("ABS", held.tensor), 1.0)
    steps("DIV", held.tensor, size, out=walk.make(held.order))


def _thresholded(walk: Walk, node: ir.Node) -> None:
    alpha = node.attributes.get_float("alpha", 1.0)
    held, steps = source(walk, node), Steps(walk)
    above, out = steps("GREATER", held.tensor, alpha), walk.make(held.order)
    steps("SELECT_V2", above, held.tensor, steps.number(0, out.dtype), out=out, dtype=out.dtype)


def _shrink(walk: Walk, node: ir.Node) -> None:
    """x - bias above lambd, x + bias below -lambd, 0 between."""
    bias, ends = node.attributes.get_float("bias", 0.0), node.attributes.get_float("lambd", 0.5)
    held, steps = source(walk, node), Steps(walk)
    if held.tensor.dtype != "float32":
        raise steps.no_kernel("LEAKY_RELU", held.tensor.dtype)
    out, nothing = walk.make(held.order), steps.number(0, held.tensor.dtype)
    low = steps("SELECT_V2", steps("LESS", held.tensor, -ends), steps("ADD", held.tensor, bias),
                nothing, dtype=out.dtype)  # fmt: skip
    high = steps("SUB", held.tensor, bias)
    steps("SELECT_V2", steps("GREATER", held.tensor, ends), high, low, out=out, dtype=out.dtype)


def _gelu(walk: Walk, node: ir.Node) -> None:
    by_tanh = node.attributes.get_string("approximate", "none") == "tanh"
    held = source(walk, node)
    Steps(walk)("GELU", held.tensor, out=walk.make(held.order), approximate=by_tanh)


def _prelu(walk: Walk, node: ir.Node) -> None:
    """The slope spreads over N, C, H, W from behind; the kernel wants it without sizes in front."""
    held, slope = source(walk, node), node.inputs[1]
    rank, given = len(held.order), walk.shape(slope)
    constant = walk.constant(slope)
    if constant is None or (held.tensor.dtype != "float32" and not walk.place.integers):
        _by_halves(walk, node)
        return
    shape = (1,) * (rank - len(given)) + given
    data = np.asarray(constant.data).reshape(shape).transpose(held.order)
    data = data.reshape(_without_front(data.shape))
    alpha = walk.stored(type(constant)(f"{constant.name}.slope", data, constant.quant))
    walk.draft.emit("PRELU", [held.tensor, alpha], [walk.make(held.order)])


def _without_front(shape: tuple[int, ...]) -> tuple[int, ...]:
    kept = list(shape)
    while len(kept) > 1 and kept[0] == 1:
        kept.pop(0)
    return tuple(kept)


def _by_halves(walk: Walk, node: ir.Node) -> None:
    """max(x, 0) + slope * min(x, 0)"""
    order, (value, slope) = aligned(walk, node.inputs)
    steps = Steps(walk)
    below = steps("MUL", steps("MINIMUM", value, 0), slope)
    steps("ADD", steps("MAXIMUM", value, 0), below, out=walk.make(order))


# Abramowitz and Stegun 7.1.26: |error| <= 1.5e-7.
_P = 0.3275911
_A = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


def _erf(walk: Walk, node: ir.Node) -> None:
    """sign(x) * (1 - (a1 t + ... + a5 t^5) e^(-x^2)) with t = 1 / (1 + p |x|)"""
    held, steps = source(walk, node), Steps(walk)
    size = steps("ABS", held.tensor)
    t = steps("DIV", 1.0, steps("ADD", steps("MUL", size, _P), 1.0))
    total = steps("MUL", t, _A[-1])
    for factor in reversed(_A[:-1]):
        total = steps("MUL", steps("ADD", total, factor), t)
    tail = steps("MUL", total, steps("EXP", steps("NEG", steps("SQUARE", size))))
    steps("MUL", steps("SIGN", held.tensor), steps("SUB", steps.number(1, "float32"), tail),
          out=walk.make(held.order))  # fmt: skip


LOWERINGS = {
    "Celu": tabled(_celu, tables.celu),
    "Elu": tabled(_elu, tables.elu),
    "Erf": tabled(_erf, plain(tables.erf)),
    "Gelu": Lowering(_gelu, integers=BYTES),
    "HardSigmoid": tabled(_hard_sigmoid, tables.hard_sigmoid),
    "HardSwish": Lowering(_unary("HARD_SWISH"), integers=BYTES),
    "LeakyRelu": Lowering(_leaky, integers=BOTH),
    "Mish": tabled(_mish, plain(tables.mish)),
    "PRelu": Lowering(_prelu, integers=BYTES),
    "Selu": tabled(_selu, tables.selu),
    "Shrink": tabled(_shrink, tables.shrink),
    "Sigmoid": Lowering(_unary("LOGISTIC"), integers=BOTH),
    "Softplus": tabled(_softplus, plain(tables.softplus)),
    "Softsign": tabled(_softsign, plain(tables.softsign)),
    "Swish": tabled(_swish, tables.swish),
    "Tanh": Lowering(_unary("TANH"), integers=BOTH),
    "ThresholdedRelu": tabled(_thresholded, tables.thresholded),
}
