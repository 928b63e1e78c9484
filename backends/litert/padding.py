"""Windows that slide over the spatial axes, and the two ways of padding that the runtime knows.

SAME pads  max((ceil(n / s) - 1) * s + d * (k - 1) + 1 - n, 0)  in all, the odd one behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.moves import around
from mcompile.backends.litert.walk import Walk

SAME, VALID = 0, 1


@dataclass(frozen=True)
class Window:
    """A kernel's size, steps, spread and the pads before and behind, along each axis."""

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, node: ir.Node, sizes: Sequence[int], kernel: Sequence[int]) -> Window:
        """What the attributes of a node with a window say, `auto_pad` worked out."""
        rank = len(sizes)
        strides = tuple(node.attributes.get_ints("strides", (1,) * rank))
        dilations = tuple(node.attributes.get_ints("dilations", (1,) * rank))
        flat = tuple(node.attributes.get_ints("pads", (0,) * 2 * rank))
        pads = tuple(zip(flat[:rank], flat[rank:], strict=True))
        made = cls(tuple(sizes), tuple(kernel), strides, dilations, pads)
        auto = node.attributes.get_string("auto_pad", "NOTSET")
        return made if auto in ("", "NOTSET") else made._automatic(auto)

    @property
    def reach(self) -> tuple[int, ...]:
        """How many entries a window spans along each axis."""
        pairs = zip(self.kernel, self.dilations, strict=True)
        return tuple((k - 1) * d + 1 for k, d in pairs)

    def touched(self, outputs: Sequence[int]) -> Window:
        """With the pads behind that so many windows reach: fewer or more than asked for."""
        every = zip(outputs, self.strides, self.reach, self.sizes, self.pads, strict=True)
        pads = tuple((p[0], max((o - 1) * s + r - n - p[0], 0)) for o, s, r, n, p in every)
        return replace(self, pads=pads)

    def padded(self) -> Window:
        """The same over data that has the pads in it."""
        sizes = tuple(n + sum(p) for n, p in zip(self.sizes, self.pads, strict=True))
        return replace(self, sizes=sizes, pads=((0, 0),) * len(sizes))

    def along(self, axes: slice) -> Window:
        """The window over some of the axes."""
        return Window(self.sizes[axes], self.kernel[axes], self.strides[axes],
                      self.dilations[axes], self.pads[axes])  # fmt: skip

    def flat(self) -> Window:
        """The same over two axes: one over a width gets a height of 1."""
        if len(self.sizes) != 1:
            return self
        return Window((1, *self.sizes), (1, *self.kernel), (1, *self.strides),
                      (1, *self.dilations), ((0, 0), *self.pads))  # fmt: skip

    def same(self) -> tuple[tuple[int, int], ...]:
        """The pads that SAME stands for."""
        every = zip(self.sizes, self.reach, self.strides, strict=True)
        sums = [max((-(-n // s) - 1) * s + r - n, 0) for n, r, s in every]
        return tuple((t // 2, t - t // 2) for t in sums)

    def fields(self, padding: int) -> dict[str, int]:
        """What the options of a convolution say of it."""
        return {
            "padding": padding,
            "strideH": self.strides[0],
            "strideW": self.strides[1],
            "dilationHFactor": self.dilations[0],
            "dilationWFactor": self.dilations[1],
        }

    def _automatic(self, auto: str) -> Window:
        pads = self.same() if auto.startswith("SAME") else ((0, 0),) * len(self.sizes)
        if auto == "SAME_LOWER":
            pads = tuple((behind, before) for before, behind in pads)
        return replace(self, pads=pads)


def padded(walk: Walk, source: Tensor, window: Window, filling: float = 0.0) -> tuple[Tensor, int]:
    """The tensor, batch, spatial axes, channels, that the window slides over, and SAME or VALID."""
    if not any(any(p) for p in window.pads):
        return source, VALID
    if window.pads == window.same():
        return source, SAME
    return around(walk, source, ((0, 0), *window.pads, (0, 0)), filling), VALID


def with_height(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of batch, width, channels with a height of 1; any other as it is."""
    return (shape[0], 1, *shape[1:]) if len(shape) == 3 else tuple(shape)
