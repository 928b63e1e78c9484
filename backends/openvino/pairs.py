"""A Q/DQ pair becomes one FakeQuantize whose output is real.

The converter writes QuantizeLinear and DequantizeLinear of x as

    q = Convert<u8>(FakeQuantize(x, il, ih, lo, hi))        hi - lo + 1 levels: the integers
    r = (Convert<f32>(q) - z) * s

and this is

    r = FakeQuantize(x, il, ih, (lo - z) * s, (hi - z) * s)

for the k-th level is lo + k in one and (lo + k - z) * s in the other: the same numbers but for the
rounding of float32. One FakeQuantize is written for all readers with the same s and z. Only this
form is taken into the kernel of the layer before it; a Convert behind it keeps it apart.

A pair is left as it is where another reads its integers, its levels are not the integers of its
type, or a scale would widen the shape of x.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from openvino import opset13

from mcompile.backends.openvino.constants import data, readers, redirect
from mcompile.backends.openvino.vendor import ov

_TYPES: dict[str, type[np.integer[Any]]] = {
    "u8": np.uint8,
    "i8": np.int8,
    "u16": np.uint16,
    "i16": np.int16,
}


@dataclass(frozen=True)
class _Read:
    """One DequantizeLinear: its last node, scale and zero point, float32."""

    node: ov.Node
    scale: np.ndarray
    zero: np.ndarray

    def key(self) -> tuple[bytes, bytes, tuple[int, ...], tuple[int, ...]]:
        return self.scale.tobytes(), self.zero.tobytes(), self.scale.shape, self.zero.shape


def join(model: ov.Model) -> None:
    """Write each pair as one FakeQuantize, in place."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "FakeQuantize" and (stored := _stored(node)) is not None:
            found = [_reader(each, node) for each in readers(stored.output(0))]
            reads = [r for r in found if r is not None]
            if len(reads) == len(found):
                _write(node, stored, reads)


def _write(node: ov.Node, stored: ov.Node, reads: list[_Read]) -> None:
    made: dict[object, ov.Node] = {}
    for read in reads:
        if read.key() not in made:
            ends = [(_end(node, k) - read.zero) * read.scale for k in (3, 4)]
            real = opset13.fake_quantize(
                *(node.input_value(k) for k in range(3)),
                *(opset13.constant(e.astype(np.float32)) for e in ends),
                node.get_attributes()["levels"],
            )
            suffix = f".{len(made)}" if made else ""
            real.set_friendly_name(stored.get_friendly_name() + suffix)
            made[read.key()] = real
        redirect(read.node.output(0), made[read.key()].output(0))


def _stored(node: ov.Node) -> ov.Node | None:
    """The Convert to integers behind a FakeQuantize, where it loses nothing."""
    found = readers(node.output(0))
    if len(found) != 1 or found[0].get_type_name() != "Convert":
        return None
    kind = _TYPES.get(found[0].get_output_element_type(0).get_type_name())
    ends = [data(node.input_value(k)) for k in (3, 4)]
    if kind is None or any(e is None or e.size != 1 for e in ends):
        return None
    low, high = (float(_end(node, k).reshape(-1)[0]) for k in (3, 4))
    limits = np.iinfo(kind)
    whole = low.is_integer() and high.is_integer() and limits.min <= low < high <= limits.max
    return found[0] if whole and high - low + 1 == node.get_attributes()["levels"] else None


def _end(node: ov.Node, index: int) -> np.ndarray:
    return np.asarray(node.input_value(index).get_node().data, np.float32)


def _reader(node: ov.Node, source: ov.Node) -> _Read | None:
    """The DequantizeLinear that begins with `node`, or None where it is something else."""
    if node.get_type_name() != "Convert" or node.get_output_element_type(0) != ov.Type.f32:
        return None
    zero = np.zeros((), np.float32)
    behind = readers(node.output(0))
    if len(behind) == 1 and behind[0].get_type_name() == "Subtract":
        held = _beside(behind[0], node)
        if held is None:
            return None
        zero, node = held, behind[0]
        behind = readers(node.output(0))
    scale = _beside(behind[0], node) if len(behind) == 1 else None
    if scale is None or behind[0].get_type_name() != "Multiply":
        return None
    widened = behind[0].get_output_partial_shape(0) != source.input_value(0).get_partial_shape()
    return None if widened else _Read(behind[0], scale, zero)


def _beside(node: ov.Node, first: ov.Node) -> np.ndarray | None:
    """The constant that a node of two inputs reads as its second, `first` being its first."""
    if len(node.inputs()) != 2 or node.input_value(0).get_node() != first:
        return None
    found = data(node.input_value(1))
    return None if found is None else np.asarray(found, np.float32)
