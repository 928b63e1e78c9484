"""A constant Pad in front of a convolution or a pooling becomes that layer's own padding.

    Conv<pads = q>(Pad(x, p, 0))          ->  Conv<pads = q + p>(x)
    MaxPool<pads = q>(Pad(x, p, -inf))    ->  MaxPool<pads = q + p>(x)
    AveragePool<pads = q, count_include_pad = 1>(Pad(x, p, 0))  ->  the same with pads = q + p

A MaxPool pads with the lowest number there is, so no other value may be folded into it. An
AveragePool that pads nothing itself counts the zeros of the Pad like any element: it becomes one
that counts its padding. Only the axes behind batch and channels may be padded, and by no negative
number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.rules import Phase, Rule, Skip


@dataclass(frozen=True)
class Padded:
    """A layer, the value without padding, and what the layer has to pad instead."""

    layer: ir.Node
    source: ir.Value
    pads: tuple[int, ...]


class FoldPad(Rule[Padded]):
    root = ("Conv", "MaxPool", "AveragePool")
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> Padded | Skip | None:
        between = node.inputs[0]
        pad = between.producer() if between is not None else None
        if between is None or pad is None or pad.op_type != "Pad" or pad.domain not in _STANDARD:
            return None
        source, added = pad.inputs[0], _added(pad)
        if source is None or added is None:
            return Skip("how much is padded is only known at run time")
        reason = _misfit(node, pad, added) or _elsewhere(node, between)
        if reason:
            return Skip(reason)
        own = _own(node, len(added) // 2 - 2)
        half = len(added) // 2
        inner = (*added[2:half], *added[half + 2 :])
        return Padded(node, source, tuple(a + b for a, b in zip(own, inner, strict=True)))

    def rewrite(self, found: Padded) -> None:
        attributes = found.layer.attributes
        found.layer.replace_input_with(0, found.source)
        attributes.pop("auto_pad", None)
        attributes["pads"] = ir.AttrInt64s("pads", found.pads)
        if found.layer.op_type == "AveragePool":
            attributes["count_include_pad"] = ir.AttrInt64("count_include_pad", 1)


_STANDARD = {"", "ai.onnx"}


def _added(pad: ir.Node) -> tuple[int, ...] | None:
    """How much is padded: all axes in front, then all behind; None where it is not known."""
    if "pads" in pad.attributes:
        return tuple(pad.attributes["pads"].as_ints())
    given = graph.array(pad.inputs[1]) if len(pad.inputs) > 1 else None
    if given is None or len(pad.inputs) < 4 or pad.inputs[3] is None:
        return None if given is None else tuple(int(p) for p in given)
    axes = graph.array(pad.inputs[3])
    shape = graph.dims(pad.inputs[0]) if pad.inputs[0] is not None else None
    if axes is None or shape is None:
        return None
    whole = np.zeros((2, len(shape)), np.int64)
    whole[:, axes] = given.reshape(2, -1)
    return tuple(int(p) for p in whole.reshape(-1))


def _value(pad: ir.Node) -> float | None:
    """What is padded with; None where it is not known."""
    if "pads" in pad.attributes:
        return float(pad.attributes.get_float("value", 0.0))
    if len(pad.inputs) < 3 or pad.inputs[2] is None:
        return 0.0
    given = graph.array(pad.inputs[2])
    return None if given is None else float(given.reshape(()))


def _misfit(node: ir.Node, pad: ir.Node, added: tuple[int, ...]) -> str:
    """Why the layer cannot pad so itself, in words; empty when it can."""
    half, value = len(added) // 2, _value(pad)
    if pad.attributes.get_string("mode", "constant") != "constant":
        return "it pads with a copy of what is there, not with a constant"
    if any(p < 0 for p in added):
        return "a negative padding cuts off"
    if half < 3 or any((*added[:2], *added[half : half + 2])):
        return "batch or channels are padded"
    if node.attributes.get_string("auto_pad", "NOTSET") not in {"NOTSET", "VALID"}:
        return "the layer pads by the size of its input"
    return _LAYERS[node.op_type](node, value) or ("" if _within(node, added) else _ALONE)


_ALONE = "a window may lie in the padding alone"


def _of_conv(_node: ir.Node, value: float | None) -> str:
    return "" if value == 0 else f"it pads with {_said(value)}, and a convolution with 0"


def _of_max(node: ir.Node, value: float | None) -> str:
    source = node.inputs[0]
    kind = graph.dtype_of(source) if source is not None else "unknown"
    if not kind.startswith("float") or value is None or value > float(np.finfo(kind).min):
        return f"it pads with {_said(value)}, and a MaxPool with the lowest number"
    if len(node.outputs) > 1 and _read(node.outputs[1]):
        return "the indices of the maxima are read"
    return _rounded(node)


def _of_average(node: ir.Node, value: float | None) -> str:
    if value != 0:
        return f"it pads with {_said(value)}, and an AveragePool with 0"
    if any(node.attributes.get_ints("pads", ())) and not graph.integer(
        node, "count_include_pad", 0
    ):
        return "the pool counts the zeros of the Pad and not its own"
    return _rounded(node)


def _rounded(node: ir.Node) -> str:
    up = graph.integer(node, "ceil_mode", 0)
    return "the last window of a pool that rounds up may start in the padding" if up else ""


_LAYERS: dict[str, Callable[[ir.Node, float | None], str]] = {
    "Conv": _of_conv,
    "MaxPool": _of_max,
    "AveragePool": _of_average,
}


def _said(value: float | None) -> str:
    return "a number only known at run time" if value is None else f"{value:g}"


def _read(value: ir.Value) -> bool:
    return bool(value.uses()) or value.is_graph_output()


def _within(node: ir.Node, added: tuple[int, ...]) -> bool:
    """Whether no window of a pool lies in the padding alone: runtimes ask for that."""
    if node.op_type == "Conv":
        return True
    kernel, half = tuple(node.attributes["kernel_shape"].as_ints()), len(added) // 2
    if any(d != 1 for d in node.attributes.get_ints("dilations", ())):
        return False
    inner = (*added[2:half], *added[half + 2 :])
    own = _own(node, len(kernel))
    return all(a + b < k for a, b, k in zip(own, inner, kernel * 2, strict=True))


def _own(node: ir.Node, axes: int) -> tuple[int, ...]:
    """What the layer pads already: its axes in front, then behind."""
    return tuple(node.attributes.get_ints("pads", ()) or (0,) * 2 * axes)


def _elsewhere(node: ir.Node, between: ir.Value) -> str:
    """Who else reads the padded value, in words; empty when nobody."""
    if between.is_graph_output():
        return f"{between.name} is an output"
    return "" if graph.sole_user(between) is node else f"{between.name} has other readers"
