"""Which ops stay float32 although their types would allow 16 bits, and why.

    by op         what sums many terms, exponentiates, or carries a state: its error grows; norms
                  that the standard itself has computed in float32 (`stash_type`) may be 16 bits
    by constant   magnitudes that 16 bits turn into infinity, or into next to nothing
    by data       values seen beyond a quarter of the range (other data may hold larger ones),
                  below twice the smallest normal number (fewer digits than the type promises),
                  and integers that are no longer exact

Masks of -1e9 or -3.4e38 need no clamp: what is computed from such a constant stays float up to the
Softmax behind it, which does so anyway. The data may not have shown it: no token was masked. A
bound of Clip, Max or Min beyond the range of the type binds nothing, and is clamped to that range.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from mcompile.graph import dims, is_constant, name_of
from mcompile.quantize.islands import WORTH
from mcompile.quantize.ranges import Ranges
from mcompile.quantize.slots import Slots
from mcompile.types import Array

_SUMS = "it sums many terms, and 16 bits round or overflow on the way"
_NORM = "a mean and a variance are sums, and the epsilon may vanish in 16 bits"
_GROWS = "it multiplies the relative error of what it reads"
_PLACES = "coordinates and scores in 16 bits lose whole pixels, and ties decide otherwise"
_STATE = "it carries a state from step to step, and its error grows"
_INTEGERS = "it is a part of integer arithmetic, whose scales are float32"
_ANGLE = "the error of a large angle is an error of the result"

KEPT: Mapping[str, str] = {
    **dict.fromkeys(("ReduceSum", "ReduceMean", "ReduceSumSquare", "ReduceL1", "ReduceL2"), _SUMS),
    **dict.fromkeys(("ReduceProd", "ReduceLogSum", "ReduceLogSumExp", "CumSum", "CumProd"), _SUMS),
    **dict.fromkeys(("Softmax", "LogSoftmax", "SoftmaxCrossEntropyLoss", "LpPool"), _SUMS),
    **dict.fromkeys(("GlobalLpPool", "NegativeLogLikelihoodLoss", "DFT", "STFT", "Det"), _SUMS),
    **dict.fromkeys(("InstanceNormalization", "BatchNormalization", "LRN"), _NORM),
    **dict.fromkeys(("LpNormalization", "MeanVarianceNormalization", "GroupNormalization"), _NORM),
    **dict.fromkeys(("Exp", "Pow", "Log", "Softplus", "Mod", "Reciprocal"), _GROWS),
    **dict.fromkeys(("Sin", "Cos", "Tan"), _ANGLE),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _STATE),
    **dict.fromkeys(("RoiAlign", "MaxRoiPool", "TopK", "AffineGrid", "GridSample"), _PLACES),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"), _INTEGERS),
}
"""Ops that stay float32 whatever the data says."""

_STASHED = {"LayerNormalization", "RMSNormalization"}
_POOLS = {"GlobalAveragePool", "AveragePool"}
_SHARE = 0.25
_BOUNDED = frozenset({"Softmax", "LayerNormalization", "RMSNormalization", "BatchNormalization"})
_BOUNDED |= {"Clip", "Sigmoid", "HardSigmoid", "Tanh", "Erf", "Softsign", "InstanceNormalization"}
_BOUNDED |= WORTH
_ENDLESS = 1e30
_SLAB = 1 << 22


@dataclass(frozen=True)
class Format:
    """The largest number of a type, the least it holds well, and the last of 1, 2, 3, ..."""

    largest: float
    least: float
    whole: int


FORMATS = {
    ir.DataType.FLOAT16: Format(65504.0, 2.0**-13, 2**11),
    ir.DataType.BFLOAT16: Format((2 - 2.0**-7) * 2.0**127, 2.0**-125, 2**8),
}


@dataclass
class Guards:
    """Asks each node, in the order of execution, why it must stay float32.

    Constants are read once. `_wide` are values made from constants that 16 bits cannot hold.
    """

    format: Format
    ranges: Ranges
    put_back: Mapping[str, str]
    _wide: set[ir.Value] = field(default_factory=set)
    _peaks: dict[ir.Value, tuple[float, float]] = field(default_factory=dict)

    def reason(self, node: ir.Node, slots: Slots) -> str:
        """Why the node stays float32, or nothing."""
        wide = self._constant(node, slots) or self._descends(node, slots)
        if wide and node.op_type not in _BOUNDED:
            self._wide.update(node.outputs)
        said = self.put_back.get(node.outputs[0].name or "") or _by_op(node) or _quantized(node)
        return said or wide or self._small(node, slots) or self._data(node, slots)

    def _constant(self, node: ir.Node, slots: Slots) -> str:
        for index, value, (low, high) in self._constants(node, slots):
            reach = max(-low, high)
            if reach > self.format.largest and not self._binds_nothing(node, index, low, high):
                return f"its constant {value} reaches {reach:.3g}, past {self._top()}"
        return ""

    def _small(self, node: ir.Node, slots: Slots) -> str:
        for _, value, (low, high) in self._constants(node, slots):
            if 0 < (reach := max(-low, high)) < self.format.least:
                return f"its constant {value} is no more than {reach:.3g}: it would lose digits"
        return ""

    def _descends(self, node: ir.Node, slots: Slots) -> str:
        source = next((v for i in slots.reads if (v := node.inputs[i]) in self._wide), None)
        return f"{source.name} is made from a constant past {self._top()}" if source else ""

    def _constants(
        self, node: ir.Node, slots: Slots
    ) -> Iterator[tuple[int, str, tuple[float, float]]]:
        for index in slots.reads:
            value = node.inputs[index]
            if value is not None and value.const_value is not None and is_constant(value):
                if value not in self._peaks:
                    self._peaks[value] = extremes(value.const_value.numpy())
                yield index, name_of(value), self._peaks[value]
        if node.op_type == "ConstantOfShape":
            yield 0, "value", extremes(node.attributes["value"].as_tensor().numpy())

    def _binds_nothing(self, node: ir.Node, index: int, low: float, high: float) -> bool:
        below, above = high < -self.format.largest, low > self.format.largest
        if node.op_type == "Clip":
            return below if index == 1 else above and index == 2
        return below if node.op_type == "Max" else above and node.op_type == "Min"

    def _data(self, node: ir.Node, slots: Slots) -> str:
        values = [node.inputs[i] for i in slots.reads] + [node.outputs[i] for i in slots.makes]
        for value in values:
            found = self.ranges.get(value.name or "") if value is not None else None
            if value is None or found is None or not math.isfinite(found.high):
                continue
            reach = max(-found.low, found.high)
            if reach > _SHARE * self.format.largest:
                return f"{value.name} reaches {reach:.3g}, beyond a quarter of {self._top()}"
            if 0 < reach < self.format.least:
                return f"{value.name} is no more than {reach:.3g}: it would lose digits"
        return self._whole(node) or self._pooled(node)

    def _whole(self, node: ir.Node) -> str:
        """Integers that become floats: exact up to 2^digits only."""
        dtype = node.inputs[0].dtype if node.inputs and node.inputs[0] is not None else None
        if node.op_type != "Cast" or dtype is None or not dtype.is_integer() or dtype.itemsize < 2:
            return ""
        found = self.ranges.get(node.outputs[0].name or "")
        if found is not None and max(-found.low, found.high) <= self.format.whole / 2:
            return ""
        return f"integers above {self.format.whole} are not exact in 16 bits"

    def _pooled(self, node: ir.Node) -> str:
        """Averages, whose sum may overflow where the average does not."""
        if node.op_type not in _POOLS or self.format.largest > _ENDLESS:
            return ""
        count, found = _window(node), self.ranges.get(name_of(node.inputs[0]))
        if count is None or found is None or not math.isfinite(found.high):
            return "how large the sum of its terms becomes is not known"
        total = count * max(-found.low, found.high)
        if total <= _SHARE * self.format.largest:
            return ""
        return f"its sum of {count} terms may reach {total:.3g}"

    def _top(self) -> str:
        return f"the {self.format.largest:.5g} that 16 bits hold"


def extremes(data: Array) -> tuple[float, float]:
    """The least and largest finite value; read in slabs, for the data may be on disk."""
    flat, low, high = data.reshape(-1), math.inf, -math.inf
    for start in range(0, flat.size, _SLAB):
        slab = flat[start : start + _SLAB]
        slab = slab[np.isfinite(slab)]
        low = min(low, float(slab.min(initial=math.inf)))
        high = max(high, float(slab.max(initial=-math.inf)))
    return (low, high) if low <= high else (0.0, 0.0)


def _by_op(node: ir.Node) -> str:
    if node.op_type in _STASHED and node.attributes.get_int("stash_type", 1) != ir.DataType.FLOAT:
        return _NORM
    return KEPT.get(node.op_type, "")


def _quantized(node: ir.Node) -> str:
    makers = {v.producer() for v in node.inputs if v is not None} - {None}
    readers = {n for v in node.outputs for n in v.consumers()}
    if any(n.op_type == "DequantizeLinear" for n in makers if n is not None):
        return "it reads dequantized integers, and runtimes fuse it with them"
    # What multiplies floats is worth a Cast before the integers; what hardly computes is not.
    if node.op_type not in WORTH and any(n.op_type == "QuantizeLinear" for n in readers):
        return "its result becomes integers, and runtimes fuse it with that"
    return ""


def _window(node: ir.Node) -> int | None:
    """How many terms an average has; None where the size of the picture is free."""
    if node.op_type == "AveragePool":
        return math.prod(node.attributes["kernel_shape"].as_ints())
    sizes = dims(node.inputs[0]) if node.inputs[0] is not None else None
    known = [d for d in (sizes or ("?",))[2:] if isinstance(d, int)]
    if sizes is None or len(known) < len(sizes) - 2:
        return None
    return math.prod(known)
