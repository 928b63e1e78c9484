"""Places of extremes, sorting, running sums, one-hot rows and triangles."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.draft import Quant, Tensor
from mcompile.backends.litert.lowering import Lowering, Write
from mcompile.backends.litert.ops.reductions import without
from mcompile.backends.litert.ops.softmax import last
from mcompile.backends.litert.steps import Steps
from mcompile.backends.litert.walk import Walk

_INT64 = 4
"""The schema's `TensorType`."""
_ARG_TYPES = ("float32", "uint8", "int8", "int32", "bool")


def _arg(kind: str) -> Write:
    """The last of equals is the first of them in a reversed value."""

    def write(walk: Walk, node: ir.Node) -> None:
        value = node.inputs[0]
        if value is None:
            raise walk.place.refused("its input is left out")
        held, steps = walk.held(value), Steps(walk)
        axis = graph.integer(node, "axis", 0) % len(held.order)
        source, place = _comparable(steps, held.tensor), held.order.index(axis)
        from_behind = bool(graph.integer(node, "select_last_index", 0))
        if from_behind:
            source = _reversed(walk, source, place)
        keeps = graph.integer(node, "keepdims", 1)
        out = walk.make(held.order if keeps else without(held.order, [axis]))
        shape = [n for a, n in enumerate(source.shape) if a != place]
        alone = not keeps and not from_behind
        made = out if alone else walk.scratch(source, shape, dtype="int64", quant=None)
        where = walk.draft.constant("axis", np.array(place, np.int32))
        options = "ArgMaxOptions" if kind == "ARG_MAX" else "ArgMinOptions"
        walk.draft.emit(kind, [source, where], [made], options, outputType=_INT64)
        if from_behind:
            made = steps("SUB", steps.number(source.shape[place] - 1, "int64"), made)
        if not alone:
            steps.shaped(made, out.shape, out)

    return write


def _comparable(steps: Steps, source: Tensor) -> Tensor:
    if source.dtype in ("int16", "uint16"):
        return steps.cast(source, "int32")
    if source.dtype not in _ARG_TYPES:
        raise steps.no_kernel("ARG_MAX", source.dtype)
    return source


def _reversed(walk: Walk, source: Tensor, axis: int) -> Tensor:
    made = walk.scratch(source, source.shape)
    where = walk.draft.constant("axis", np.array([axis], np.int32))
    walk.draft.emit("REVERSE_V2", [source, where], [made], "ReverseV2Options")
    return made


def _top(walk: Walk, node: ir.Node) -> None:
    """The largest along the last axis of memory; the smallest are the largest of what is negated.

    The places come as int32 and are widened.
    """
    value = node.inputs[0]
    if value is None:
        raise walk.place.refused("its input is left out")
    held, steps = walk.held(value), Steps(walk)
    order = last(held.order, graph.integer(node, "axis", -1) % len(held.order))
    source, largest = walk.read(value, order), graph.integer(node, "largest", 1)
    asked = steps.cast(source, "int32") if source.dtype in ("int8", "uint8", "int16") else source
    asked = asked if largest else steps("NEG", asked)
    count = int(walk.numbers(node.inputs[1]).reshape(-1)[0])
    shape = (*asked.shape[:-1], count)
    best = walk.scratch(asked, shape)
    places = walk.scratch(asked, shape, dtype="int32", quant=None)
    if asked.dtype not in ("float32", "int32", "int64"):
        raise steps.no_kernel("TOPK_V2", asked.dtype)
    number = steps.number(count, "int32")
    walk.draft.emit("TOPK_V2", [asked, number], [best, places], "TopKV2Options")
    back = best if largest else steps("NEG", best)
    made = walk.make(order)
    if back.dtype == made.dtype:
        steps.shaped(back, made.shape, made)
    else:
        steps.cast(back, made.dtype, made)
    if len(node.outputs) > 1:
        steps.cast(places, "int64", walk.make(order, 1))


def _running(walk: Walk, node: ir.Node) -> None:
    value = node.inputs[0]
    if value is None:
        raise walk.place.refused("its input is left out")
    held, steps = walk.held(value), Steps(walk)
    axis = int(walk.numbers(node.inputs[1]).reshape(-1)[0]) % len(held.order)
    if held.tensor.dtype not in ("float32", "int32", "int64"):
        raise steps.no_kernel("CUMSUM", held.tensor.dtype)
    where = steps.number(held.order.index(axis), "int32")
    fields = {name: bool(graph.integer(node, name, 0)) for name in ("exclusive", "reverse")}
    out = walk.make(held.order)
    walk.draft.emit("CUMSUM", [held.tensor, where], [out], "CumsumOptions", **fields)


def _one_hot(walk: Walk, node: ir.Node) -> None:
    """Indices below 0 count from behind; those that fit no row make one of `off`."""
    steps, index = Steps(walk), walk.read(node.inputs[0])
    depth = int(walk.numbers(node.inputs[1]).reshape(-1)[0])
    off, on = walk.numbers(node.inputs[2])
    out = walk.make()
    index = steps.cast(index, "int32")
    index = steps("SELECT_V2", steps("LESS", index, 0), steps("ADD", index, depth), index,
                  dtype="int32")  # fmt: skip
    axis = node.attributes.get_int("axis", -1)
    axis = axis if axis >= 0 else axis + len(out.shape)
    axis = -1 if axis == len(out.shape) - 1 else axis
    if out.dtype not in ("float32", "int32", "int64", "int8", "uint8", "bool"):
        raise steps.no_kernel("ONE_HOT", out.dtype)
    numbers = [steps.number(depth, "int32"), *(steps.number(n, out.dtype) for n in (on, off))]
    walk.draft.emit("ONE_HOT", [index, *numbers], [out], "OneHotOptions", axis=axis)


def _triangle(walk: Walk, node: ir.Node) -> None:
    """What a constant mask chooses; the corner that is left out becomes 0."""
    value = node.inputs[0]
    if value is None:
        raise walk.place.refused("its input is left out")
    held, steps = walk.held(value), Steps(walk)
    shape = walk.shape(value)
    shift = int(walk.numbers(node.inputs[1]).reshape(-1)[0]) if len(node.inputs) > 1 else 0
    if any(walk.draft.is_free(n) for n in shape[-2:]):
        raise walk.place.refused("the size of the triangle is not known before the model runs")
    square = np.ones((1,) * (len(shape) - 2) + shape[-2:], bool)
    kept = np.triu(square, shift) if graph.integer(node, "upper", 1) else np.tril(square, shift)
    mask = steps.number(kept.transpose(held.order), "bool")
    out = walk.make(held.order)
    nothing = _nothing(walk, held.tensor)
    steps("SELECT_V2", mask, held.tensor, nothing, out=out, dtype=out.dtype)


def _nothing(walk: Walk, like: Tensor) -> Tensor:
    """0, as the code that stands for it where the tensor holds codes."""
    quant: Quant | None = like.quant
    code = 0 if quant is None else quant.zero_point[0]
    return walk.draft.constant("nothing", np.array(code, like.dtype), quant)


LOWERINGS = {
    "ArgMax": Lowering(_arg("ARG_MAX")),
    "ArgMin": Lowering(_arg("ARG_MIN")),
    "CumSum": Lowering(_running),
    "OneHot": Lowering(_one_hot),
    "TopK": Lowering(_top),
    "Trilu": Lowering(_triangle, integers=frozenset({"int8", "uint8", "int16"}), moves=True),
}
