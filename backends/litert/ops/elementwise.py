"""Sums, products and what else is computed entry by entry."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.broadcast import aligned, alike
from mcompile.backends.litert.draft import Quant, Tensor
from mcompile.backends.litert.lowering import BOTH, Lowering, Write
from mcompile.backends.litert.steps import Steps
from mcompile.backends.litert.tables import plain, tabled
from mcompile.backends.litert.walk import Walk

_WITH_SHIFTS = ("ADD", "SUB")
"""Whose kernels for 16 bits shift where all scales are powers of two, unless told not to: then they
refuse some scales and compute others wrongly."""


def _binary(kind: str, fuses: bool = True) -> Write:
    def write(walk: Walk, node: ir.Node) -> None:
        order, tensors = aligned(walk, node.inputs)
        fused: dict[str, Any] = {"fusedActivationFunction": walk.place.ending.code} if fuses else {}
        made = walk.make(order)
        if kind in _WITH_SHIFTS and made.dtype == "int16":
            fused["potScaleInt16"] = False
        Steps(walk)(kind, *tensors, out=made, **fused)

    return write


def _many(kind: str) -> Write:
    """One operator for each operand behind the first; codes are brought to the output's scale."""

    def write(walk: Walk, node: ir.Node) -> None:
        order, tensors = aligned(walk, node.inputs)
        if kind != "ADD":
            tensors = alike(walk, tensors)
        _chained(walk, kind, tensors, walk.make(order))

    return write


def _chained(walk: Walk, kind: str, tensors: list[Tensor], out: Tensor) -> None:
    steps = Steps(walk)
    if len(tensors) == 1:
        steps.shaped(tensors[0], out.shape, out)
        return
    total = tensors[0]
    for tensor in tensors[1:-1]:
        total = _step(walk, kind, total, tensor)
    steps(kind, total, tensors[-1], out=out)


def _step(walk: Walk, kind: str, one: Tensor, other: Tensor) -> Tensor:
    if walk.place.integers:
        made = walk.scratch(one, np.broadcast_shapes(one.shape, other.shape), quant=walk.quant())
        return Steps(walk)(kind, one, other, out=made)
    return Steps(walk)(kind, one, other)


def _mean(walk: Walk, node: ir.Node) -> None:
    order, tensors = aligned(walk, node.inputs)
    steps, total = Steps(walk), tensors[0]
    for tensor in tensors[1:]:
        total = steps("ADD", total, tensor)
    steps("MUL", total, 1 / len(tensors), out=walk.make(order))


def _unary(kind: str) -> Write:
    def write(walk: Walk, node: ir.Node) -> None:
        assert node.inputs[0] is not None
        held = walk.held(node.inputs[0])
        Steps(walk)(kind, held.tensor, out=walk.make(held.order))

    return write


def _whole(kind: str) -> Write:
    """One that leaves whole numbers as they are."""

    def write(walk: Walk, node: ir.Node) -> None:
        assert node.inputs[0] is not None
        held = walk.held(node.inputs[0])
        if held.tensor.dtype != "float32":
            walk.same(held, held.order)
        else:
            Steps(walk)(kind, held.tensor, out=walk.make(held.order))

    return write


def _neg(walk: Walk, node: ir.Node) -> None:
    assert node.inputs[0] is not None
    held = walk.held(node.inputs[0])
    if not walk.place.integers:
        Steps(walk)("NEG", held.tensor, out=walk.make(held.order))
        return
    code = -1 if held.tensor.dtype != "uint8" else 127
    quant = Quant((1.0,), (0 if code < 0 else 128,))
    minus = walk.draft.constant("minus", np.array(code, held.tensor.dtype), quant)
    walk.draft.emit("MUL", [held.tensor, minus], [walk.make(held.order)], "MulOptions")


def _abs(walk: Walk, node: ir.Node) -> None:
    assert node.inputs[0] is not None
    held, steps = walk.held(node.inputs[0]), Steps(walk)
    source, out = held.tensor, walk.make(held.order)
    if source.dtype.startswith("uint") and not walk.place.integers:
        steps.shaped(source, source.shape, out)
    elif source.dtype == "int64":
        steps("MAXIMUM", source, steps("NEG", source), out=out)
    else:
        steps("ABS", source, out=out)


def _reciprocal(walk: Walk, node: ir.Node) -> None:
    assert node.inputs[0] is not None
    held = walk.held(node.inputs[0])
    Steps(walk)("DIV", 1.0, held.tensor, out=walk.make(held.order))


def _mod(walk: Walk, node: ir.Node) -> None:
    order, (x, y) = aligned(walk, node.inputs)
    steps, out = Steps(walk), walk.make(order)
    if not graph.integer(node, "fmod", 0):
        steps("FLOOR_MOD", x, y, out=out)
        return
    size, step = (steps("MAXIMUM", t, steps("NEG", t)) for t in (x, y))
    rest = steps("FLOOR_MOD", size, step)
    steps(
        "SELECT_V2",
        steps("LESS", x, 0),
        steps("NEG", rest),
        rest,
        out=out,
        dtype=out.dtype,
    )


def _bitwise_not(walk: Walk, node: ir.Node) -> None:
    assert node.inputs[0] is not None
    held = walk.held(node.inputs[0])
    ones = int(np.iinfo(held.tensor.dtype).max) if held.tensor.dtype.startswith("u") else -1
    Steps(walk)("BITWISE_XOR", held.tensor, ones, out=walk.make(held.order))


def _shift(walk: Walk, node: ir.Node) -> None:
    order, (x, places) = aligned(walk, node.inputs)
    if x.dtype.startswith("int"):
        raise walk.place.refused("LiteRT's shifts of numbers with a sign are not the standard's")
    if node.attributes.get_string("direction", "") == "RIGHT":
        Steps(walk)("RIGHT_SHIFT", x, places, out=walk.make(order))
    elif places.data is not None:
        factor = walk.draft.constant(
            "factor", np.left_shift(np.ones_like(places.data), places.data)
        )
        Steps(walk)("MUL", x, factor, out=walk.make(order))
    else:
        raise walk.place.refused("LiteRT shifts to the left by constants only")


_SIGNED = frozenset({"int8", "int16"})

LOWERINGS = {
    "Abs": Lowering(_abs, integers=_SIGNED),
    "Add": Lowering(_binary("ADD"), fuses=True, integers=BOTH),
    "BitShift": Lowering(_shift),
    "BitwiseNot": Lowering(_bitwise_not),
    "BitwiseXor": Lowering(_binary("BITWISE_XOR", fuses=False)),
    "Ceil": tabled(_whole("CEIL"), plain(np.ceil)),
    "Cos": tabled(_unary("COS"), plain(np.cos)),
    "Div": Lowering(_binary("DIV"), fuses=True),
    "Exp": Lowering(_unary("EXP"), integers=_SIGNED),
    "Floor": tabled(_whole("FLOOR"), plain(np.floor)),
    "Log": Lowering(_unary("LOG"), integers=frozenset({"int8"})),
    "Max": Lowering(_many("MAXIMUM"), integers=BOTH),
    "Mean": Lowering(_mean),
    "Min": Lowering(_many("MINIMUM"), integers=BOTH),
    "Mod": Lowering(_mod),
    "Mul": Lowering(_binary("MUL"), fuses=True, integers=BOTH),
    "Neg": Lowering(_neg, integers=BOTH),
    "Reciprocal": tabled(_reciprocal, plain(np.reciprocal)),
    "Round": tabled(_whole("ROUND"), plain(np.rint)),
    "Sign": tabled(_unary("SIGN"), plain(np.sign)),
    "Sin": tabled(_unary("SIN"), plain(np.sin)),
    "Sqrt": tabled(_unary("SQRT"), plain(np.sqrt)),
    "Sub": Lowering(_binary("SUB"), fuses=True, integers=BOTH),
    "Sum": Lowering(_many("ADD")),
}
