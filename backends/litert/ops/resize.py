"""Resize and Upsample: RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR where they do the same.

Each axis is worked out as the standard says and as the runtime does it. Where no option of the
runtime's reads the same places: nearest is a GATHER of constant places along each axis, linear and
cubic are products with a constant matrix along each axis, in float. On integers RESIZE_BILINEAR
has 10 bits for a place: where that moves a number by more than half a step, or two in files that
are to be on integers throughout, it is float too.
XNNPACK's form of it would not need that, it is within 0.6 of a step of the exact number; but the
runtime's own kernels, which have no delegate on some devices, are up to 64 steps off (5 to 640
places with aligned corners), and a file is right on both.
"""

from __future__ import annotations

from math import prod

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert import resampling
from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.layout import channels_last
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.moves import hand_on, picked, seen_as
from mcompile.backends.litert.padding import with_height
from mcompile.backends.litert.resampling import FORMS, Axis, Way
from mcompile.backends.litert.walk import Walk
from mcompile.types import Array

_CLOSE = 2e-4
_STEPS, _STEPS_THROUGHOUT = 0.5, 2.0
"""How far off the integer kernel may be, and where nothing is to be float."""


def _resize(walk: Walk, node: ir.Node) -> None:
    shape, made = walk.shape(node.inputs[0]), walk.shape(node.outputs[0])
    way, found = _way(node), _axes(walk, node)
    changed = {k: a for k, a in enumerate(found) if a.size != a.made or a.scale != 1.0}
    if any(walk.draft.is_free(n) for a in changed.values() for n in (a.size, a.made)):
        raise walk.place.refused("it resizes along the free size")
    if shape == made:
        _as_it_is(walk, node)
    elif way.mode == "nearest":
        _nearest(walk, node, changed, way)
    elif way.mode in ("linear", "cubic"):
        _mixed(walk, node, changed, way)
    else:
        raise walk.place.refused(f"a resize of mode {way.mode}", "nearest, linear or cubic")


def _way(node: ir.Node) -> Way:
    get = node.attributes
    ancient = node.op_type == "Upsample" or len(node.inputs) == 2
    return Way(
        get.get_string("mode", "nearest"),
        get.get_string("coordinate_transformation_mode", "asymmetric" if ancient else "half_pixel"),
        get.get_string("nearest_mode", "floor" if ancient else "round_prefer_floor"),
        get.get_float("cubic_coeff_a", -0.75),
        bool(get.get_int("exclude_outside", 0)),
        bool(get.get_int("antialias", 0)),
    )


def _axes(walk: Walk, node: ir.Node) -> list[Axis]:
    """Every axis of the value, with the factor that the node asks for."""
    shape, made = walk.shape(node.inputs[0]), walk.shape(node.outputs[0])
    rank = len(shape)
    named = [a % rank for a in node.attributes.get_ints("axes", tuple(range(rank)))]
    ancient = node.op_type == "Upsample" or len(node.inputs) == 2
    given = [walk.numbers(v) for v in node.inputs[1 : 2 if _is_sized(node) else None]] + [None] * 3
    factors = given[0] if ancient else given[1]
    roi = None if ancient or given[0] is None or not given[0].size else given[0].reshape(2, -1)
    scales = {a: _ratio(m, n) for a, (m, n) in enumerate(zip(made, shape, strict=True))}
    if factors is not None and factors.size:
        scales |= {a: float(f) for a, f in zip(named, factors, strict=True)}
    elif node.attributes.get_string("keep_aspect_ratio_policy", "stretch") != "stretch":
        asked = zip(named, given[2], strict=True)
        scales |= _in_proportion(node, {a: (shape[a], int(s)) for a, s in asked})
    views = {a: tuple(roi[:, k]) for k, a in enumerate(named)} if roi is not None else {}
    return [Axis(shape[a], made[a], scales[a], views.get(a, (0.0, 1.0))) for a in range(rank)]


def _is_sized(node: ir.Node) -> bool:
    """Whether it is told sizes, by themselves, as the inferred shape then has them.

    They may be computed: of the size of a free batch and numbers.
    """
    policy = node.attributes.get_string("keep_aspect_ratio_policy", "stretch")
    return len(node.inputs) > 3 and node.inputs[3] is not None and policy == "stretch"


def _ratio(made: int, size: int) -> float:
    return float(np.float32(made) / np.float32(max(size, 1)))


def _in_proportion(node: ir.Node, asked: dict[int, tuple[int, int]]) -> dict[int, float]:
    ratios = [float(np.float32(s) / np.float32(n)) for n, s in asked.values()]
    grows = node.attributes.get_string("keep_aspect_ratio_policy", "") == "not_smaller"
    return dict.fromkeys(asked, max(ratios) if grows else min(ratios))


def _as_it_is(walk: Walk, node: ir.Node) -> None:
    assert node.inputs[0] is not None
    held = walk.held(node.inputs[0])
    walk.same(held, held.order)


def _planes(walk: Walk, node: ir.Node, changed: dict[int, Axis]) -> list[Axis] | None:
    """Height and width of what the runtime's resizers take; None where other axes change."""
    shape = walk.shape(node.inputs[0])
    if len(shape) not in (3, 4) or min(changed) < 2:
        return None
    same = [Axis(n, n, 1.0) for n in shape]
    return [Axis(1, 1, 1.0), *(changed.get(k, same[k]) for k in range(2, len(shape)))][-2:]


def _nearest(walk: Walk, node: ir.Node, changed: dict[int, Axis], way: Way) -> None:
    planes, value = _planes(walk, node, changed), node.inputs[0]
    if way.placed == "half_pixel_symmetric":
        raise walk.place.refused(
            "the nearest entry of half_pixel_symmetric places", "half_pixel, or mode linear"
        )
    wanted = {k: resampling.nearest(a, way) for k, a in changed.items()}
    if any(resampling.outside(a, way).any() for a in changed.values()):
        raise walk.place.refused("a crop that reaches beyond the value", "a crop inside it")
    for form in FORMS if planes is not None else ():
        if planes is not None and all(_copies(a, way, form) for a in planes):
            _by_runtime(walk, node, planes, ("RESIZE_NEAREST_NEIGHBOR", form))
            return
    assert value is not None
    order = channels_last(len(walk.shape(value))) if planes is not None else walk.held(value).order
    tensor = walk.read(value, order)
    for k, places in wanted.items():
        tensor = picked(walk, tensor, order.index(k), [int(p) for p in places])
    hand_on(walk, tensor, order)


def _copies(axis: Axis, way: Way, form: tuple[bool, bool]) -> bool:
    wanted = resampling.nearest(axis, way)
    if axis.size == axis.made and axis.scale == 1.0:
        wanted = np.arange(axis.size)
    found = resampling.copied(axis.size, axis.made, form)
    return all((k == wanted).all() for k in found)


def _mixed(walk: Walk, node: ir.Node, changed: dict[int, Axis], way: Way) -> None:
    planes = _planes(walk, node, changed)
    if any(resampling.outside(a, way).any() for a in changed.values()):
        raise walk.place.refused("a crop that reaches beyond the value", "a crop inside it")
    for form in FORMS if planes is not None and way.mode == "linear" else ():
        if planes is not None and all(_mixes(a, way, form) for a in planes):
            if walk.place.integers and not all(_in_bits(walk, a, form) for a in planes):
                walk.in_reals()
            _by_runtime(walk, node, planes, ("RESIZE_BILINEAR", form))
            return
    walk.in_reals()
    order = channels_last(len(walk.shape(node.inputs[0])))
    tensor = walk.read(node.inputs[0], order)
    for k, axis in changed.items():
        tensor = _product(walk, tensor, order.index(k), resampling.weights(axis, way))
    hand_on(walk, tensor, order)


def _mixes(axis: Axis, way: Way, form: tuple[bool, bool]) -> bool:
    """Whether the runtime's weights are those of the standard; those of an axis left be are."""
    if axis.size == axis.made and axis.scale == 1.0:
        return True
    found = resampling.mixed(axis.size, axis.made, form) - resampling.weights(axis, way)
    return bool(np.abs(found).max() < _CLOSE)


def _in_bits(walk: Walk, axis: Axis, form: tuple[bool, bool]) -> bool:
    """Whether the integer kernel is as near to the float one, at its worst, as is asked."""
    value = walk.place.node.inputs[0]
    if value is None:
        return False
    ends = np.iinfo(walk.view(value).tensor.dtype)
    exact = resampling.mixed(axis.size, axis.made, form)
    off = np.abs(resampling.mixed_fixed(axis.size, axis.made, form) - exact).sum(axis=1) / 2
    steps = off.max() * (int(ends.max) - int(ends.min))
    return bool(steps <= (_STEPS_THROUGHOUT if walk.coded_ports else _STEPS))


def _by_runtime(
    walk: Walk, node: ir.Node, planes: list[Axis], kind: tuple[str, tuple[bool, bool]]
) -> None:
    name, (align, half) = kind
    order = channels_last(len(walk.shape(node.inputs[0])))
    source = walk.read(node.inputs[0], order)
    source = seen_as(walk, source, with_height(source.shape))
    sizes = [a.made for a in planes]
    made = walk.scratch(source, (source.shape[0], *sizes, source.shape[3]))
    inputs = [source, walk.draft.constant("size", np.array(sizes, np.int32))]
    options = {"RESIZE_BILINEAR": "ResizeBilinearOptions"}.get(name, "ResizeNearestNeighborOptions")
    walk.draft.emit(name, inputs, [made], options, alignCorners=align, halfPixelCenters=half)
    hand_on(walk, made, order)


def _product(walk: Walk, source: Tensor, axis: int, weights: Array) -> Tensor:
    """The tensor with w[made, size] applied along one axis of its memory."""
    front, behind = source.shape[:axis], source.shape[axis + 1 :]
    flat = seen_as(walk, source, (prod(front), source.shape[axis], prod(behind)))
    matrix = walk.draft.constant("weights", weights.astype(np.float32)[None])
    made = walk.scratch(flat, (flat.shape[0], len(weights), flat.shape[2]))
    walk.draft.emit("BATCH_MATMUL", [matrix, flat], [made], "BatchMatMulOptions")
    return seen_as(walk, made, (*front, len(weights), *behind))


_LOWERING = Lowering(_resize, integers=BOTH, moves=True)

LOWERINGS = {"Resize": _LOWERING, "Upsample": _LOWERING}
