"""Shapes that are computed from other shapes, worked out where all of those are known.

x [n, 3] -> Shape -> Gather -> Range          as many numbers as n says
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.types import Array, Program

Known = dict[ir.Value, Array]


def shape_by_arithmetic(program: Program) -> None:
    """Give every value a shape that can have one, with the sizes that its inputs have now."""
    graph.infer_shapes(program)
    known: Known = {}
    while _told(program, known):
        graph.infer_shapes(program)


def _told(program: Program, known: Known) -> bool:
    """Work out what shapes say; whether a value got its shape by that."""
    found = False
    for node in program.graph.graph:
        inputs, made = [_array(v, known) for v in node.inputs], node.outputs[0]
        if node.op_type in _SHAPED and _whole(made) is None:
            sizes = _SHAPED[node.op_type](node, inputs)
            made.shape = None if sizes is None else ir.Shape(sizes)
            found |= sizes is not None
        elif made not in known:
            value = _value(node, inputs, known)
            if value is not None:
                known[made] = value
    return found


def _value(node: ir.Node, inputs: Sequence[Array | None], known: Known) -> Array | None:
    """What an op makes of sizes; None for any other op, and for what no size is in."""
    if node.op_type == "Shape":
        sizes = _whole(node.inputs[0])
        ends = graph.integer(node, "start", 0), node.attributes.get_int("end", None)
        return None if sizes is None else np.array(sizes[slice(*ends)], np.int64)
    given = [a for a in inputs if a is not None]
    if node.op_type not in _COMPUTED or len(given) < len(inputs) or node.domain:
        return None
    return _COMPUTED[node.op_type](node, given) if any(v in known for v in node.inputs) else None


def _array(value: ir.Value | None, known: Known) -> Array | None:
    return None if value is None else known.get(value, graph.array(value))


def _whole(value: ir.Value | None) -> list[int] | None:
    dims = graph.dims(value) if value is not None else None
    sizes = [d for d in dims or () if isinstance(d, int)]
    return sizes if dims is not None and len(sizes) == len(dims) else None


def _range(_: ir.Node, inputs: Sequence[Array | None]) -> list[int] | None:
    first, end, step = (None if a is None else a.reshape(-1)[0] for a in inputs)
    if first is None or end is None or not step:
        return None
    return [max(0, int(np.ceil((end - first) / step)))]


def _tile(node: ir.Node, inputs: Sequence[Array | None]) -> list[int] | None:
    sizes, counts = _whole(node.inputs[0]), inputs[1]
    if sizes is None or counts is None:
        return None
    return [n * int(c) for n, c in zip(sizes, counts, strict=True)]


def _expand(node: ir.Node, inputs: Sequence[Array | None]) -> list[int] | None:
    sizes, target = _whole(node.inputs[0]), inputs[1]
    if sizes is None or target is None:
        return None
    return list(np.broadcast_shapes(tuple(sizes), tuple(int(n) for n in target)))


def _filled(_: ir.Node, inputs: Sequence[Array | None]) -> list[int] | None:
    return None if inputs[0] is None else [int(n) for n in inputs[0]]


def _axes(node: ir.Node, inputs: Sequence[Array]) -> tuple[int, ...]:
    given = inputs[1] if len(inputs) > 1 else np.array(node.attributes.get_ints("axes", ()))
    return tuple(int(a) for a in given)


def _gather(node: ir.Node, inputs: Sequence[Array]) -> Array:
    return np.asarray(np.take(inputs[0], inputs[1], axis=graph.integer(node, "axis", 0)))


def _slice(_: ir.Node, inputs: Sequence[Array]) -> Array:
    first, end, step = (int(a.reshape(-1)[0]) for a in (*inputs[1:3], *inputs[4:], np.array(1))[:3])
    return inputs[0][first:end:step]


def _cast(node: ir.Node, inputs: Sequence[Array]) -> Array:
    return inputs[0].astype(ir.DataType(graph.integer(node, "to", 0)).numpy())


_SHAPED: Mapping[str, Callable[[ir.Node, Sequence[Array | None]], list[int] | None]] = {
    "ConstantOfShape": _filled,
    "Expand": _expand,
    "Range": _range,
    "Tile": _tile,
}
"""Ops whose shape is that of no input, where shape inference leaves it open."""

_COMPUTED: Mapping[str, Callable[[ir.Node, Sequence[Array]], Array]] = {
    "Add": lambda _, a: np.asarray(a[0] + a[1]),
    "Cast": _cast,
    "Concat": lambda _, a: np.concatenate(a),
    "Gather": _gather,
    "Identity": lambda _, a: a[0],
    "Mul": lambda _, a: np.asarray(a[0] * a[1]),
    "Reshape": lambda _, a: a[0].reshape(a[1]),
    "Slice": _slice,
    "Squeeze": lambda n, a: a[0].squeeze(_axes(n, a) or None),
    "Sub": lambda _, a: np.asarray(a[0] - a[1]),
    "Unsqueeze": lambda n, a: np.expand_dims(a[0], _axes(n, a)),
}
