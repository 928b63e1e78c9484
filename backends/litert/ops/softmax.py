"""Softmax over any axis: the kernels take the last of memory, the others are brought there."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.channels import made_in
from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.layout import Order, straight
from mcompile.backends.litert.lowering import BOTH, Lowering, Write
from mcompile.backends.litert.steps import Steps
from mcompile.backends.litert.walk import Walk
from mcompile.graph import opset

_MOST_AXES = 4
"""Quantized kernels and XNNPACK take up to this many."""
_PER_AXIS = 13
"""The operator set since which the axis stands for itself, and not for all from there on."""

_FIELDS: dict[str, dict[str, Any]] = {"SOFTMAX": {"beta": 1.0}, "LOG_SOFTMAX": {}}


def _softmax(kind: str) -> Write:
    def write(walk: Walk, node: ir.Node) -> None:
        order, shape = _laid(walk, node)
        made_in(walk, node.inputs[0], order)
        steps, source = Steps(walk), walk.read(node.inputs[0], order)
        out = walk.make(order)
        if shape == source.shape:
            steps(kind, source, out=out, **_FIELDS[kind])
            return
        flat = steps.shaped(source, shape)
        made = walk.scratch(out, shape)
        steps(kind, flat, out=made, **_FIELDS[kind])
        steps.shaped(made, out.shape, out)

    return write


def _laid(walk: Walk, node: ir.Node) -> tuple[Order, tuple[int, ...]]:
    """An order with the axis last, as memory lies where it can, and the shape for the kernel."""
    value = node.inputs[0]
    if value is None:
        raise walk.place.refused("its input is left out")
    shape = walk.shape(value)
    rank = len(shape)
    if opset(walk.program) < _PER_AXIS:
        axis = node.attributes.get_int("axis", 1) % max(rank, 1)
        return straight(rank), (prod(shape[:axis]), prod(shape[axis:]))
    axis = node.attributes.get_int("axis", -1) % max(rank, 1)
    lies = walk.view(value).order()
    order = last(walk.held(value).order if lies is None else lies, axis)
    memory = tuple(shape[a] for a in order)
    if rank > _MOST_AXES:
        memory = (prod(memory[:-1]), memory[-1])
    return order, memory or (1,)


def last(order: Order, axis: int) -> Order:
    """The order with that axis behind all others."""
    return (*(a for a in order if a != axis), *([axis] if order else []))


def _hardmax(walk: Walk, node: ir.Node) -> None:
    """1 where the first of the largest is, 0 elsewhere."""
    order, shape = _laid(walk, node)
    steps, source = Steps(walk), walk.read(node.inputs[0], order)
    out = walk.make(order)
    where = _first_largest(walk, steps.shaped(source, shape))
    made = walk.draft.tensor(f"{out.name}.hot", shape, out.dtype)
    numbers = [
        steps.number(n, d) for n, d in ((shape[-1], "int32"), (1, out.dtype), (0, out.dtype))
    ]
    walk.draft.emit("ONE_HOT", [where, *numbers], [made], "OneHotOptions", axis=-1)
    steps.shaped(made, out.shape, out)


def _first_largest(walk: Walk, source: Tensor) -> Tensor:
    made = walk.scratch(source, source.shape[:-1], dtype="int32", quant=None)
    axis = walk.draft.constant("axis", np.array(-1, np.int32))
    walk.draft.emit("ARG_MAX", [source, axis], [made], "ArgMaxOptions", outputType=2)
    return made


LOWERINGS = {
    "Hardmax": Lowering(_hardmax),
    "LogSoftmax": Lowering(_softmax("LOG_SOFTMAX"), integers=frozenset({"int8", "uint8"})),
    "Softmax": Lowering(_softmax("SOFTMAX"), integers=BOTH),
}
