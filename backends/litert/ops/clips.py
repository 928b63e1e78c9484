"""Relu and Clip: one of the activations that have an operator, or MINIMUM and MAXIMUM."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Quant, Tensor
from mcompile.backends.litert.endings import ends
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.steps import Steps
from mcompile.backends.litert.values import Held
from mcompile.backends.litert.walk import Walk

_OPERATORS = {(0.0, math.inf): "RELU", (0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1"}
_IN_SIXTEEN = {"RELU", "RELU6"}


def between(walk: Walk, source: Tensor, limits: tuple[float, float], out: Tensor) -> None:
    """Write into `out` the numbers cut to the limits, which may be infinite."""
    steps, (low, high) = Steps(walk), limits
    if limits in _OPERATORS and source.dtype == "float32":
        steps(_OPERATORS[limits], source, out=out)
    elif low == -math.inf and high == math.inf:
        steps.shaped(source, out.shape, out)
    elif low == -math.inf or high == math.inf:
        kind, end = ("MINIMUM", high) if low == -math.inf else ("MAXIMUM", low)
        steps(kind, source, end, out=out)
    else:
        steps("MAXIMUM", steps("MINIMUM", source, high), low, out=out)


def _relu(walk: Walk, node: ir.Node) -> None:
    assert node.inputs[0] is not None
    held = walk.held(node.inputs[0])
    if walk.place.integers:
        _codes(walk, held, (0.0, math.inf))
    else:
        _reals(walk, held, (0.0, math.inf))


def _clip(walk: Walk, node: ir.Node) -> None:
    assert node.inputs[0] is not None
    held, limits = walk.held(node.inputs[0]), ends(node)
    if any(math.isnan(e) for e in limits):
        _between_computed(walk, node, held)
    elif walk.place.integers:
        _codes(walk, held, limits)
    else:
        _reals(walk, held, limits)


def _reals(walk: Walk, held: Held, limits: tuple[float, float]) -> None:
    if held.tensor.dtype not in ("float32", "float64"):
        most = np.iinfo(held.tensor.dtype)
        low, high = limits
        limits = (
            low if low > most.min else -math.inf,
            high if high < most.max else math.inf,
        )
    if limits == (-math.inf, math.inf):
        walk.same(held, held.order)
    else:
        between(walk, held.tensor, limits, walk.make(held.order))


def _between_computed(walk: Walk, node: ir.Node, held: Held) -> None:
    """Ends that are computed when the model runs: scalars."""
    steps, value = Steps(walk), held.tensor
    pairs = [(kind, v) for kind, v in zip(("MAXIMUM", "MINIMUM"), node.inputs[1:], strict=False)
             if v is not None]  # fmt: skip
    for index, (kind, end) in enumerate(pairs):
        out = walk.make(held.order) if index == len(pairs) - 1 else None
        scalar = steps.shaped(walk.read(end), ())
        value = steps(kind, value, scalar, out=out)


def _codes(walk: Walk, held: Held, limits: tuple[float, float]) -> None:
    """Codes cut at the codes of the ends, on the output's scale.

    Where that scale reaches no further than the ends, bringing codes to it cuts them.
    """
    quant, source = walk.quant(), held.tensor
    assert quant is not None
    cuts = _cuts(limits, quant, source.dtype)
    kind = _OPERATORS.get(limits, "")
    if cuts and kind and (source.dtype != "int16" or kind in _IN_SIXTEEN):
        Steps(walk)(kind, source, out=walk.make(held.order))
        return
    if source.quant != quant:
        source = walk.requantized(source, quant, f"{source.name}.rescaled")
    if not cuts:
        walk.same(Held(source, held.order), held.order)
    for index, (cut, code) in enumerate(cuts):
        end = walk.draft.constant("end", np.array(code, source.dtype), quant)
        last = index == len(cuts) - 1
        made = walk.make(held.order) if last else walk.scratch(source, source.shape)
        walk.draft.emit(cut, [source, end], [made], "MaximumMinimumOptions")
        source = made


def _cuts(limits: tuple[float, float], quant: Quant, dtype: str) -> list[tuple[str, int]]:
    """The operators that cut, each with the code of its end."""
    lowest, highest = (_code(e, quant, dtype) for e in limits)
    most = np.iinfo(dtype)
    cuts = [("MAXIMUM", lowest)] if lowest > most.min else []
    return [*cuts, ("MINIMUM", highest)] if highest < most.max else cuts


def _code(end: float, quant: Quant, dtype: str) -> int:
    most = np.iinfo(dtype)
    if math.isinf(end):
        return int(most.min if end < 0 else most.max)
    code = round(end / quant.scale[0]) + quant.zero_point[0]
    return int(np.clip(code, most.min, most.max))


LOWERINGS = {
    "Clip": Lowering(_clip, integers=BOTH),
    "Relu": Lowering(_relu, integers=BOTH),
}
