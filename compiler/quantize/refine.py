"""Weights and biases chosen one layer after the other, each for what it really reads.

Each layer is given the integers that leave its output nearest to the float one, then the shift of
its bias for the mean error that is left. The layers after it see both: noise that was made is taken
off by whoever can, and nobody corrects what is corrected already.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import onnx_ir as ir

from mcompile.errors import Broken
from mcompile.graph import array, constant, name_of, naming
from mcompile.quantize import biases, gram
from mcompile.quantize.correct import HELD, LEAST, layers_of, shift_of
from mcompile.quantize.halfway import Known, key_of, load, save
from mcompile.quantize.insert import insert
from mcompile.quantize.rounding import QUICK, Effort, Layer, rounded
from mcompile.quantize.seen import Seen, seen
from mcompile.quantize.walk import Walk
from mcompile.quantize.weights import is_depthwise, output_axis
from mcompile.types import Array, Feeds, Program, QParams, QuantPlan, Scheme

MOST_INPUTS, MOST_EACH, MOST_WEIGHTS = 2304, 1 << 22, 1 << 25
"""Inputs and weights of a layer, and weights in all, beyond which integers are the nearest ones."""
_PAIR = {"DequantizeLinear", "QuantizeLinear"}
_THIRD = 3
_BETWEEN_S = 5.0
"""Time between two writings of the file: that of a large model is no small one."""


def _silent(done: int, total: int) -> None:
    """Tell nobody."""


def refine(
    source: Program,
    plan: QuantPlan,
    scheme: Scheme,
    feeds: Sequence[Feeds],
    *,
    effort: Effort = QUICK,
    threads: int | None = None,
    held: int = HELD,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = _silent,
    kept: Path | None = None,
) -> QuantPlan:
    """The plan with codes of weights and shifts of biases, where they leave less error.

    `feeds` are a handful of calibration samples; every third of them decides about the codes that
    the others gave. `progress` is told how many layers are done, and of how many. Layers that are
    not reached once `stop` says that it is enough keep their nearest codes and their biases. At
    most about `held` bytes of activations are held, and of outputs to aim at as many again. `kept`
    is a file that layers are written to as they are done: a pass that finds it goes on there.
    Raises `UsageError` when it is damaged, or was made from another program, plan or samples.
    """
    layers = layers_of(source, plan, scheme) if len(feeds) >= LEAST else {}
    if not layers:
        return plan
    file = _File(kept, key_of(source, plan, scheme, feeds, repr(effort)) if kept else "")
    known = file.known()
    left = {n: node for n, node in layers.items() if n not in known.done}
    if left and not stop():
        aims = seen(source, left, feeds, effort.positions, threads=threads, held=held)
        step = _Pass(source, known.over(plan), scheme, left, aims)
        walk = step.walk(feeds, held, threads)
        with step.naming():
            for name in left:
                if stop():
                    break
                step.over(name, walk, known, effort)
                progress(len(known.done), len(layers))
                file.write(known)
    file.write(known, at_once=True)
    return known.over(plan)


class _File:
    """The file that layers are written to as they are done; none without a path."""

    def __init__(self, path: Path | None, key: str) -> None:
        self._path, self._key, self._written = path, key, time.monotonic()

    def known(self) -> Known:
        return load(self._path, self._key) if self._path else Known()

    def write(self, known: Known, at_once: bool = False) -> None:
        if self._path and (at_once or time.monotonic() - self._written > _BETWEEN_S):
            save(self._path, self._key, known)
            self._written = time.monotonic()


class _Pass:
    """The quantized program, changed layer by layer as the walk through it comes by."""

    def __init__(
        self,
        source: Program,
        plan: QuantPlan,
        scheme: Scheme,
        layers: Mapping[str, ir.Node],
        aims: Mapping[str, Seen],
    ) -> None:
        self._plan, self._scheme, self._layers, self._aims = plan, scheme, layers, aims
        self._room = MOST_WEIGHTS
        self._program = insert(source, plan, scheme)
        made = {v.name: n for n in self._program.graph.graph for v in n.outputs}
        self._nodes = {n: _behind(made[node.outputs[0].name]) for n, node in layers.items()}

    def walk(self, feeds: Sequence[Feeds], held: int, threads: int | None) -> Walk:
        """The walk that stops before and behind each layer."""
        stops = [s for n, node in self._nodes.items() for s in (name_of(node.inputs[0]), n)]
        return Walk(self._program, stops, feeds, held, threads)

    def naming(self) -> AbstractContextManager[None]:
        """Within it what is put into the program is named without looking through all of it."""
        return naming(self._program.graph)

    def over(self, name: str, walk: Walk, known: Known, effort: Effort) -> None:
        """Choose the layer's codes, then its shift, and go on with both."""
        weight = self._layers[name].inputs[1]
        if self._is_free(name):
            codes = self._codes(name, walk.to(name_of(self._nodes[name].inputs[0])), effort)
            if codes is not None:
                known.codes[name_of(weight)] = codes
                self._put(name, codes)
        shift = self._shift(name, walk)
        if shift is not None:
            known.shifts[name] = shift
        known.done.append(name)

    def _is_free(self, name: str) -> bool:
        """Whether the weight is this layer's alone, and its codes are not chosen yet."""
        node = self._layers[name]
        weight = node.inputs[1]
        if weight is None or node.op_type not in gram.KINDS or len(weight.consumers()) > 1:
            return False
        coded = name_of(weight) in self._plan.codes
        if coded or self._plan.tensors[name_of(weight)].dtype != "int8":
            return False
        return self._has_room(node, weight)

    def _has_room(self, node: ir.Node, weight: ir.Value) -> bool:
        """Whether its moments and codes can be held; of a huge model only the first layers can."""
        sizes = weight.const_value.shape.numpy() if weight.const_value is not None else (0,)
        size = math.prod(sizes)
        inputs = size // max(1, sizes[output_axis(node)])
        if inputs > MOST_INPUTS or size > min(MOST_EACH, self._room):
            return False
        self._room -= size
        return True

    def _codes(self, name: str, inputs: Sequence[Array], effort: Effort) -> Array | None:
        node, aim = self._layers[name], self._aims[name]
        weight = array(node.inputs[1])
        if weight is None:
            return None
        real = gram.matrix(node, weight)
        found: list[gram.Moments] = []
        for part in (False, True):
            taken = [k for k in range(len(inputs)) if (k % _THIRD == _THIRD - 1) is part]
            if not taken:
                return None
            read = [gram.rows(node, inputs[k], weight, aim.sizes[k], aim.at[k]) for k in taken]
            given = [gram.by_group(aim.rows[k], len(real)) for k in taken]
            centred = biases.outlet(node) is not None
            found.append(gram.moments(np.concatenate(read, 1), np.concatenate(given, 1), centred))
        scale = np.broadcast_to(
            _along(self._plan.tensors[name_of(node.inputs[1])], weight), weight.shape
        )
        pairs = self._scheme.pair_saturates and not is_depthwise(node, weight)
        layer = Layer(real, gram.matrix(node, scale)[:, :, :1], pairs)
        codes = rounded(layer, found[0], found[1], effort)
        return None if codes is None else gram.shaped(node, codes, weight.shape).astype(np.int8)

    def _put(self, name: str, codes: Array) -> None:
        """Let the layer multiply by those codes from here on, in their real form."""
        real = codes * _along(self._plan.tensors[name_of(self._layers[name].inputs[1])], codes)
        graph = self._program.graph.graph
        chosen = constant(graph, f"{name}.chosen", real.astype(np.float32))
        self._nodes[name].replace_input_with(1, chosen)

    def _shift(self, name: str, walk: Walk) -> Array | None:
        """The shift of the layer's bias; what the walk holds is moved by it."""
        node = self._layers[name]
        found = walk.to(name)
        if biases.outlet(node) is None:
            return None
        means = np.stack([biases.mean_of(node, data) for data in found])
        shift = shift_of(np.stack(self._aims[name].means[: len(found)]) - means)
        if shift is not None:
            for values, data in zip(walk.held, found, strict=True):
                values[name] = data + biases.shape_of(node, shift, data.ndim)
        return shift


def _behind(node: ir.Node) -> ir.Node:
    """The layer itself where its name is that of the codes that leave the graph in its place."""
    while node.op_type in _PAIR:
        maker = node.inputs[0].producer() if node.inputs[0] is not None else None
        if maker is None:
            raise Broken("codes that nobody makes", where=name_of(node.outputs[0]))
        node = maker
    return node


def _along(params: QParams, data: Array) -> Array:
    """The scale as it is multiplied with a weight."""
    shape = [1] * data.ndim
    if params.axis is not None:
        shape[params.axis] = -1
    return np.asarray(params.scale, np.float32).reshape(shape)
