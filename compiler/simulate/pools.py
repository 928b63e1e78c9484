"""Averages of integers: windows of AveragePool, and whole axes.

float:  round_even((sum of x - z) * s_x / (s_y * n)) + z_y
fixed:  windows keep their scale: round(sum of codes / n), halves away from zero;
        whole axes: the fixed-point product of the sum with s_x / (s_y * n)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from mcompile.graph import array, integer
from mcompile.simulate.coded import Coded, saturated
from mcompile.simulate.fixed import multiplied, shared
from mcompile.simulate.requantize import Exit
from mcompile.simulate.windows import window
from mcompile.types import Array, QParams, Scheme


def average_pool(node: ir.Node, data: Coded, out: Exit, scheme: Scheme) -> Array:
    """Codes of the averages of each window; what is padded counts where the node says so."""
    kernel = node.attributes.get_ints("kernel_shape")
    seen = window(node, data.codes.shape[2:], list(kernel or []))
    inside = seen.padded(np.ones(data.codes.shape[2:], np.int64), 0)
    padded = seen.padded(data.centered(), 0)
    total = np.sum([padded[tap] for tap in seen.taps()], axis=0)
    count = np.sum([inside[tap] for tap in seen.taps()], axis=0)
    if integer(node, "count_include_pad", 0):
        count = np.full_like(count, len(list(seen.taps())))
    same = out.params is not None and _alike(data.params, out.params)
    if scheme.requantize == "fixed" and same and out.params is not None:
        # Rounded before the zero point is taken off: halves go away from code 0, not from zero.
        zero = int(data.params.zero_point)
        return saturated(shared(total + zero * count, count), out.params, out.low, out.high)
    return _scaled(total, count, data, out)


def mean(data: Coded, axes: Sequence[int], keep: bool, out: Exit, scheme: Scheme) -> Array:
    """Codes of the averages over whole axes."""
    total = data.centered().sum(axis=tuple(axes), keepdims=keep)
    count = int(np.prod([data.codes.shape[a] for a in axes]))
    if scheme.requantize == "fixed" and out.params is not None:
        factor = float(data.params.scale) / float(out.params.scale)
        codes = multiplied(total, np.asarray(factor), count) + int(out.params.zero_point)
        return saturated(codes, out.params, out.low, out.high)
    return _scaled(total, np.asarray(count), data, out)


def reduced(node: ir.Node, rank: int) -> list[int] | None:
    """The axes that are averaged over; None where the program does not say."""
    if node.op_type == "GlobalAveragePool":
        return list(range(2, rank))
    given = node.attributes.get_ints("axes", [])
    if not given and len(node.inputs) > 1 and node.inputs[1] is not None:
        data = array(node.inputs[1])
        if data is None:
            return None
        given = [int(a) for a in data.reshape(-1)]
    if not given:
        return None if integer(node, "noop_with_empty_axes", 0) or not rank else [*range(rank)]
    return [a + rank if a < 0 else a for a in given]


def _scaled(total: Array, count: Array, data: Coded, out: Exit) -> Array:
    if out.params is None:
        return np.asarray((total * data.params.scale / count).astype(np.float32))
    share = data.params.scale / (out.params.scale * count.astype(np.float32))
    codes = np.rint(total.astype(np.float32) * share) + int(out.params.zero_point)
    return saturated(codes, out.params, out.low, out.high)


def _alike(one: QParams, other: QParams) -> bool:
    return bool(one.scale == other.scale and one.zero_point == other.zero_point)
