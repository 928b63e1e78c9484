"""Whether an input holds pictures, and the planes of colour in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mcompile.samples.preprocess import Preprocess
from mcompile.types import Array, Dim, Port

Layout = Literal["nchw", "nhwc", ""]
LEAST_SIDE = 8
_COLORS = (1, 3)


def layout_of(port: Port, shape: Sequence[int], how: Preprocess | None) -> Layout:
    """How pictures of that shape lie in the input; empty where it does not look like pictures.

    What the profile and the model state comes before what the data looks like.
    """
    kind = np.dtype(port.dtype).kind if port.dtype in ("uint8", "int8") else port.dtype[:5]
    if kind not in ("u", "i", "float") or len(shape) not in (3, 4):
        return ""
    inner = tuple(shape[1:]) if len(shape) == 4 else tuple(shape)
    stated = port.shape[-3:]
    # Three axes without a batch are pictures only where the colours show: one may be a spectrum.
    colors = _COLORS if len(shape) == 4 else (3,)
    told: Layout = (how.layout if how else None) or ""
    found = told or _by_channels(stated, colors) or _by_channels(inner, colors)
    if not found:
        return ""
    sides = inner[1:] if found == "nchw" else inner[:2]
    return found if min(sides) >= LEAST_SIDE else ""


def given_layout(shape: Sequence[int]) -> Layout:
    """What the shape of the data alone says: where the axis of one or three channels is."""
    if len(shape) != 4:
        return ""
    found = _by_channels(tuple(shape[1:]), _COLORS)
    sides = shape[2:] if found == "nchw" else shape[1:3]
    return found if min(sides) >= LEAST_SIDE else ""


def pictures(data: Array, layout: Layout) -> Array:
    """The data as float64 pictures, channels, rows, columns."""
    batch = data.reshape(-1, *data.shape[-3:]).astype(np.float64)
    return batch if layout == "nchw" else batch.transpose(0, 3, 1, 2)


def _by_channels(shape: Sequence[Dim], colors: Sequence[int]) -> Layout:
    if shape[0] in colors:
        return "nchw"
    return "nhwc" if shape[-1] in colors else ""
