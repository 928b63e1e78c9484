"""A sum of convolutions of one value becomes one convolution, whose kernel is the sum of theirs.

    K1 * x + K2 * x + s x + t   ->   (K1 + K2 + s I) * x + (b1 + b2 + t)

Kernels are laid over each other where they touch the same positions, and filled up with zeros. A
branch that is x itself, or a batch norm of it, is a 1x1 kernel. All have the same stride, dilation,
groups and channels, and the one takes no more multiplications than the branches: 3x3 + 1x1 + x is
merged, 1x3 + 3x1 is not. The blocks of RepVGG, ACNet and MobileOne are of this form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import affine, folding, linear
from mcompile.algebra.linear import Layer
from mcompile.rules import Phase, Rule, Skip
from mcompile.types import Array


@dataclass(frozen=True)
class Merged:
    """The Add at the end, its terms that become one, those that stay, and how the one slides."""

    node: ir.Node
    layers: tuple[Layer, ...]
    plain: tuple[ir.Value, ...]
    others: tuple[ir.Value, ...]
    grid: Grid


@dataclass(frozen=True)
class Grid:
    """Positions that kernels touch, relative to where they stand: per axis from, to, and step."""

    low: tuple[int, ...]
    high: tuple[int, ...]
    step: tuple[int, ...]
    pads: tuple[int, ...]

    @property
    def kernel(self) -> tuple[int, ...]:
        ends = zip(self.low, self.high, self.step, strict=True)
        return tuple((b - a) // s + 1 for a, b, s in ends)


class MergeBranches(Rule[Merged]):
    root = "Add"
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> Merged | Skip | None:
        if not _is_sum(node) or _inside_of_a_sum(node) or self.opset < 7:
            return None
        terms = list(_terms(node))
        layers = [t for v in terms if (t := _layer(v, node)) is not None]
        if any(folding.pending(t.node) for t in layers) or any(_awaited(v) for v in terms):
            return None
        reason, made = "", {t.output for t in layers}
        loose = [v for v in terms if v not in made]
        for source in filter(None, dict.fromkeys(t.node.inputs[0] for t in layers)):
            mine = [t for t in layers if t.node.inputs[0] is source]
            found = _merged(node, source, mine, loose)
            if isinstance(found, Merged):
                return found
            reason = reason or found
        return Skip(reason) if reason else None

    def rewrite(self, found: Merged) -> None:
        home, first = graph.owner(found.node), found.layers[0]
        stem = graph.name_of(first.node.inputs[1])
        weight, bias = _sum(found)
        inputs = [first.node.inputs[0], graph.constant(home, f"{stem}_merged", weight)]
        if bias.any() or any(t.bias_value() is not None for t in found.layers):
            inputs.append(graph.constant(home, f"{stem}_bias", bias))
        new = ir.Node("", "Conv", inputs, _attributes(found))
        last = _insert(found.node, new, first.output.shape)
        for other in found.others:
            last = _insert(found.node, ir.Node("", "Add", [last, other]), None)
        graph.replace(found.node.outputs[0], last)


def _insert(node: ir.Node, new: ir.Node, shape: ir.Shape | None) -> ir.Value:
    home, made = graph.owner(node), new.outputs[0]
    home.insert_before(node, new)
    made.name = graph.fresh(home, graph.name_of(node.outputs[0]))
    made.shape, made.type = shape, node.outputs[0].type
    return made


def _is_sum(node: ir.Node | None) -> bool:
    """Whether the node adds two values that are only known at run time."""
    if node is None or node.op_type != "Add" or node.domain not in {"", "ai.onnx"}:
        return False
    return not any(graph.array(v) is not None for v in node.inputs)


def _inside_of_a_sum(node: ir.Node) -> bool:
    reader = graph.sole_user(node.outputs[0])
    return reader is not None and _is_sum(reader) and reader.graph is node.graph


def _terms(node: ir.Node) -> Iterator[ir.Value]:
    """What the Adds that end in this one add up, from left to right."""
    stack = [v for v in reversed(node.inputs) if v is not None]
    while stack:
        value = stack.pop()
        maker = value.producer() if graph.sole_user(value) is not None else None
        if maker is not None and maker.graph is node.graph and _is_sum(maker):
            stack.extend(v for v in reversed(maker.inputs) if v is not None)
        else:
            yield value


def _layer(value: ir.Value, node: ir.Node) -> Layer | None:
    """The convolution that makes the term, for it alone."""
    maker = value.producer()
    if maker is None or maker.op_type != "Conv" or not linear.is_layer(maker):
        return None
    return Layer(maker) if graph.sole_user(value) and maker.graph is node.graph else None


def _awaited(value: ir.Value) -> bool:
    maker = value.producer()
    return maker is not None and isinstance(folding.after(maker), folding.Fold)


def _merged(
    node: ir.Node, source: ir.Value, layers: Sequence[Layer], loose: Sequence[ir.Value]
) -> Merged | str:
    """The branches that read `source` as one; why not, in words; empty where there is only one."""
    plain = [v for v in loose if _is_plain(v, source, layers[0])]
    if len(layers) + len(plain) < 2:
        return ""
    if reason := next((r for t in layers if (r := linear.obstacle(t))), ""):
        return reason
    grid = _grid(layers, bool(plain))
    if grid is None and plain and len(layers) > 1:
        plain, grid = [], _grid(layers, plain=False)
    if grid is None:
        return "the branches differ in stride, dilation, groups, channels or size"
    taps = int(np.prod(grid.kernel))
    if taps > max(sum(int(np.prod(t.weight.shape[2:])) for t in layers), 1):
        return "the one would take more multiplications than the branches"
    gone = {t.output for t in layers} | set(plain)
    others = tuple(v for v in _terms(node) if v not in gone)
    found = Merged(node, tuple(layers), tuple(plain), others, grid)
    return found if _fits(found) else "the merged weights do not fit their type"


def _is_plain(value: ir.Value, source: ir.Value, layer: Layer) -> bool:
    """Whether the term is the source itself, or a norm of it that nobody else reads."""
    maker = value.producer()
    if value is source or maker is None or maker.op_type != "BatchNormalization":
        return value is source
    own = affine.operand(maker) is source and graph.sole_user(value) is not None
    return own and affine.factors(maker, layer.incoming()) is not None


def _grid(layers: Sequence[Layer], plain: bool) -> Grid | None:
    """The positions that all kernels touch together; None where they do not lie on one grid."""
    forms = {_form(t) for t in layers}
    axes = range(layers[0].weight.ndim - 2)
    automatic = {t.node.attributes.get_string("auto_pad", "NOTSET") for t in layers}
    if len(forms) != 1 or not automatic <= {"NOTSET", "VALID"}:
        return None
    outputs, inputs, _, strides = next(iter(forms))
    if plain and (outputs != inputs or any(s != 1 for s in strides)):
        return None
    boxes = [_box(t) for t in layers]
    boxes += [((1,) * len(axes), (1,) * len(axes), (0,) * 2 * len(axes))] if plain else []
    found = [_axis([(k[a], d[a], p[a], p[a + len(axes)]) for k, d, p in boxes]) for a in axes]
    low, high, step, ends = zip(*(f or (0, 0, 0, 0) for f in found), strict=True)
    return None if None in found else Grid(low, high, step, (*(-v for v in low), *ends))


def _axis(boxes: Sequence[tuple[int, int, int, int]]) -> tuple[int, int, int, int] | None:
    """Of one axis of the kernels (taps, dilation, pads): from, to, step, padding at the end."""
    steps = {d for k, d, _, _ in boxes if k > 1} or {1}
    low = min(-p for _, _, p, _ in boxes)
    high = max((k - 1) * d - p for k, d, p, _ in boxes)
    sizes = {p + e - (k - 1) * d for k, d, p, e in boxes}
    step = max(steps)
    end = min(sizes) + low + (high - low)
    even = all((-p - low) % step == 0 for _, _, p, _ in boxes) and (high - low) % step == 0
    if len(steps) != 1 or len(sizes) != 1 or not even or low > 0 or end < 0:
        return None
    return low, high, step, end


def _form(layer: Layer) -> tuple[int, int, int, tuple[int, ...]]:
    axes = layer.weight.ndim - 2
    strides = tuple(layer.node.attributes.get_ints("strides", ()) or (1,) * axes)
    return layer.outgoing().channels, layer.incoming().channels, layer.group, strides


def _box(layer: Layer) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Taps, dilations and pads of a kernel."""
    taps, attributes = tuple(layer.weight.shape[2:]), layer.node.attributes
    steps = tuple(attributes.get_ints("dilations", ()) or (1,) * len(taps))
    pads = tuple(attributes.get_ints("pads", ()) or (0,) * 2 * len(taps))
    return taps, steps, pads if layer.padded() else (0,) * 2 * len(taps)


def _fits(found: Merged) -> bool:
    with np.errstate(all="ignore"):
        weight, bias = _sum(found)
    return bool(np.isfinite(weight).all() and np.isfinite(bias).all())


def _sum(found: Merged) -> tuple[Array, Array]:
    """The sum of all kernels, each at its place, and of all biases."""
    first, grid = found.layers[0], found.grid
    weight = np.zeros((*first.weight.shape[:2], *grid.kernel))
    bias = np.zeros(first.weight.shape[0])
    for layer in found.layers:
        taps, _, pads = _box(layer)
        place: tuple[Any, ...] = (slice(None), slice(None), *_places(grid, taps, pads))
        weight[place] += layer.weight
        bias = bias + layer.bias()
    ones, none = np.ones(len(bias)), np.zeros(len(bias))
    places = _places(grid, (1,) * len(grid.kernel), (0,) * len(grid.kernel))
    for value in found.plain:
        maker = value.producer()
        named = maker if value is not first.node.inputs[0] else None
        scale, shift = (named and affine.factors(named, first.incoming())) or (ones, none)
        rows = np.arange(len(bias))
        place = (rows, rows % weight.shape[1], *(p.start for p in places))
        weight[place] += scale
        bias = bias + shift
    kind = first.weight.dtype
    return weight.astype(kind), bias.astype(kind)


def _places(grid: Grid, taps: Sequence[int], pads: Sequence[int]) -> list[slice]:
    """Where a kernel of that many taps and that padding lies in the common one."""
    starts = [(-p - a) // s for p, a, s in zip(pads, grid.low, grid.step, strict=False)]
    return [slice(s, s + k) for s, k in zip(starts, taps, strict=True)]


def _attributes(found: Merged) -> list[ir.Attr]:
    grid, group = found.grid, found.layers[0].group
    slides = {"kernel_shape": grid.kernel, "dilations": grid.step, "pads": grid.pads}
    slides["strides"] = _form(found.layers[0])[3]
    return [ir.AttrInt64("group", group), *(ir.AttrInt64s(k, v) for k, v in slides.items())]
