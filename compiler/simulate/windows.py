"""Where the window of a convolution or pool stands, for any number of spatial dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import onnx_ir as ir

from mcompile.types import Array


@dataclass(frozen=True)
class Window:
    """Sizes along each spatial dimension; `sizes` are those of the output."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    sizes: tuple[int, ...]

    def padded(self, data: Array, value: int) -> Array:
        """[.., *spatial] with the value around it."""
        if not any(self.before) and not any(self.after):
            return data
        edges = list(zip(self.before, self.after, strict=True))
        none = [(0, 0)] * (data.ndim - len(edges))
        return np.pad(data, none + edges, constant_values=value)

    def reach(self) -> tuple[int, ...]:
        """How much of the padded data the window walks over."""
        return tuple(
            (n - 1) * s + (k - 1) * d + 1
            for n, s, k, d in zip(
                self.sizes, self.strides, self.kernel, self.dilations, strict=True
            )
        )

    def taps(self) -> Iterator[Any]:
        """For each place of the kernel, row by row, the index of what it reads of padded data."""
        for place in product(*(range(k) for k in self.kernel)):
            starts = [p * d for p, d in zip(place, self.dilations, strict=True)]
            yield (
                ...,
                *(
                    slice(s, s + (n - 1) * step + 1, step)
                    for s, n, step in zip(starts, self.sizes, self.strides, strict=True)
                ),
            )


def window(node: ir.Node, spatial: Sequence[int], kernel: Sequence[int]) -> Window:
    """The window of a Conv or pool over data of those sizes, rounded up where the node says so."""
    rank = len(kernel)
    get = node.attributes.get_ints
    strides = tuple(get("strides", [1] * rank))
    dilations = tuple(get("dilations", [1] * rank))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    before, after = pads(node, spatial, reach, strides)
    sizes, ends = [], []
    for n, r, s, a, b in zip(spatial, reach, strides, before, after, strict=True):
        room = n + a + b - r
        size = room // s + 1
        if node.attributes.get_int("ceil_mode", 0) and room % s and size * s < n + a:
            size += 1
        sizes.append(size)
        ends.append(max(b, (size - 1) * s + r - n - a))
    return Window(tuple(kernel), strides, dilations, tuple(before), tuple(ends), tuple(sizes))


def pads(
    node: ir.Node, spatial: Sequence[int], reach: Sequence[int], strides: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Zeros before and after each spatial dimension, by `pads` or `auto_pad`."""
    rank = len(spatial)
    auto = node.attributes.get_string("auto_pad", "NOTSET")
    if auto in {"", "NOTSET"}:
        given = list(node.attributes.get_ints("pads", [0] * (2 * rank)))
        return given[:rank], given[rank:]
    if auto == "VALID":
        return [0] * rank, [0] * rank
    steps = [-(-n // s) for n, s in zip(spatial, strides, strict=True)]
    total = [
        max(0, (k - 1) * s + r - n)
        for k, s, r, n in zip(steps, strides, reach, spatial, strict=True)
    ]
    less, more = [t // 2 for t in total], [t - t // 2 for t in total]
    return (less, more) if auto == "SAME_UPPER" else (more, less)
