"""Integer sums of Conv and ConvTranspose, tap by tap, with their weights' output channels.

    y[n, o, p] = sum over taps t, channels c of w[o, c, t] * x[n, c, stride * p + dilation * t]

The saturating kernels walk the window with the input channels innermost; a depthwise one
multiplies in 16 bits and adds in 32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mcompile.graph import integer
from mcompile.simulate.coded import Coded
from mcompile.simulate.sums import cut_off, exact, saturates
from mcompile.simulate.windows import Window, pads, window
from mcompile.types import Array, Scheme


def conv(node: ir.Node, data: Coded, weight: Coded, scheme: Scheme) -> Array:
    """The sums of a Conv, [batch, channels, *spatial]."""
    groups = integer(node, "group", 1)
    seen = window(node, data.codes.shape[2:], weight.codes.shape[2:])
    left = _grouped(seen.padded(data.centered(), 0), groups)
    right = weight.centered()
    right = right.reshape(groups, right.shape[0] // groups, right.shape[1], -1)
    kind = exact(left, right, (2, 3))
    left, right = left.astype(kind), right.astype(kind)
    total = np.zeros((*left.shape[:2], right.shape[1], int(np.prod(seen.sizes))), kind)
    for index, tap in enumerate(seen.taps()):
        part = left[tap].reshape(*left.shape[:3], -1)
        total += _tap(right[..., index], part)
    if saturates(scheme, data.codes, weight.codes) and right.shape[1:3] != (1, 1):
        total = total - _lost(data, weight, seen, groups)
    return np.asarray(total.reshape(left.shape[0], -1, *seen.sizes))


def conv_transpose(node: ir.Node, data: Coded, weight: Coded) -> Array:
    """The sums of a ConvTranspose, [batch, channels, *spatial]."""
    groups = integer(node, "group", 1)
    spatial = data.codes.shape[2:]
    spread, before, sizes = _spread(node, spatial, weight.codes.shape[2:])
    left = _grouped(data.centered(), groups)
    right = weight.centered()
    right = right.reshape(groups, right.shape[0] // groups, right.shape[1], -1)
    kind = exact(left, right, (1, 3))
    left = left.reshape(*left.shape[:3], -1).astype(kind)
    right = np.swapaxes(right, 1, 2).astype(kind)
    total = np.zeros((*left.shape[:2], right.shape[1], *spread.reach()), kind)
    for index, tap in enumerate(spread.taps()):
        part = _tap(right[..., index], left)
        total[tap] += part.reshape(*part.shape[:3], *spatial)
    beyond = [max(0, b + n - m) for b, n, m in zip(before, sizes, spread.reach(), strict=True)]
    total = np.pad(total, [(0, 0)] * 3 + [(0, e) for e in beyond])
    kept: Any = (..., *(slice(b, b + n) for b, n in zip(before, sizes, strict=True)))
    whole = total[kept]
    return np.asarray(whole.reshape(whole.shape[0], -1, *whole.shape[3:]))


def _grouped(data: Array, groups: int) -> Array:
    return data.reshape(data.shape[0], groups, -1, *data.shape[2:])


def _tap(weight: Array, part: Array) -> Array:
    """[group, out, in] by [batch, group, in, places]."""
    if weight.shape[2] == 1:
        return np.asarray(weight * part)
    return np.asarray(np.matmul(weight, part))


def _lost(data: Coded, weight: Coded, seen: Window, groups: int) -> Array:
    around = seen.padded(data.codes.astype(np.int32), int(data.params.zero_point))
    left = _grouped(around, groups)
    channels, taps = left.shape[2], list(seen.taps())
    rows = np.moveaxis(weight.codes, 1, -1).reshape(groups, weight.codes.shape[0] // groups, -1)
    places = int(np.prod(seen.sizes))
    lost = np.zeros((left.shape[0], groups, rows.shape[1], places), np.int64)
    for batch, group in np.ndindex(left.shape[:2]):

        def column(k: int, own: Array = left[batch, group]) -> Array:
            if k >= channels * len(taps):
                return np.zeros(places, np.int32)
            return np.asarray(own[k % channels][taps[k // channels]].reshape(-1))

        lost[batch, group] = cut_off(column, rows[group])
    return lost


def _spread(
    node: ir.Node, spatial: tuple[int, ...], kernel: tuple[int, ...]
) -> tuple[Window, list[int], list[int]]:
    """Where each place of the kernel adds to; what is cut off in front; the sizes that remain."""
    rank = len(kernel)
    get = node.attributes.get_ints
    strides = tuple(get("strides", [1] * rank))
    none = (0,) * rank
    places = Window(
        kernel, strides, tuple(get("dilations", [1] * rank)), none, none, tuple(spatial)
    )
    extra = get("output_padding", [0] * rank)
    full = [r + e for r, e in zip(places.reach(), extra, strict=True)]
    auto = node.attributes.get_string("auto_pad", "NOTSET")
    if "output_shape" not in node.attributes and not auto.startswith("SAME"):
        before, after = pads(node, spatial, [1] * rank, strides)
        return places, before, [f - b - a for f, b, a in zip(full, before, after, strict=True)]
    same = [min(n * s, f) for n, s, f in zip(spatial, strides, full, strict=True)]
    wanted = list(get("output_shape", same))[-rank:]
    cut = [max(0, f - w) for f, w in zip(full, wanted, strict=True)]
    return places, [c // 2 if auto == "SAME_UPPER" else c - c // 2 for c in cut], wanted
