"""LSTM, GRU and RNN.

An LSTM is one UNIDIRECTIONAL_SEQUENCE_LSTM for each direction. That operator keeps its state from
one run to the next; here an ADD in front of it writes the initial state anew at every run. Its
last cell state cannot be read: an LSTM that hands it on, and every GRU and RNN, is written step by
step.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.cells import Cell, cell_of, defaults
from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.lowering import Lowering
from mcompile.backends.litert.sequences import Layer, used
from mcompile.backends.litert.walk import Walk
from mcompile.types import Array

MOST_STEPS = 512
"""Steps that are written one by one: 11 operators, 1 kB and 2 ms of lowering each."""

_TANH = 4
_IOFC = (0, 2, 3, 1)
"""Where the operator's gates (input, forget, cell, output) are among the standard's."""


def _lstm(walk: Walk, node: ir.Node) -> None:
    if node.attributes.get_int("input_forget", 0):
        raise walk.place.refused("an LSTM whose input and forget gates are one")
    layer = Layer.of(walk, node, 4)
    keeps_cell = len(node.outputs) > 2 and used(node.outputs[2])
    if keeps_cell or not defaults(node):
        _unrolled(layer)
        return
    outputs, last = [], []
    for index, direction in enumerate(layer.directions):
        x = layer.x if direction == "forward" else _backwards(layer, layer.x)
        y = _fused(layer, index, x)
        last.append(layer.at(y, -1, y.shape[1:]) if _is_read(node, 1) else y)
        outputs.append(y if direction == "forward" else _backwards(layer, y))
    layer.hand_on(outputs, [last])


def _is_read(node: ir.Node, index: int) -> bool:
    return len(node.outputs) > index and used(node.outputs[index])


def _fused(layer: Layer, index: int, x: Tensor) -> Tensor:
    """One direction of an LSTM, T, B, H, over what lies in the order of its steps."""
    weights, again = layer.blocks(1, index), layer.blocks(2, index)
    biases = layer.blocks(3, index)
    sums = [a + b for a, b in zip(biases[:4], biases[4:], strict=True)]
    inputs: list[Tensor | None] = [x]
    inputs += [layer.stored("input", weights[k]) for k in _IOFC]
    inputs += [layer.stored("recurrent", again[k]) for k in _IOFC]
    inputs += _peepholes(layer, index)
    inputs += [layer.stored("bias", sums[k]) for k in _IOFC]
    inputs += [None, None, _state(layer, 5, index), _state(layer, 6, index), *[None] * 4]
    shape = (layer.steps, layer.batch, layer.hidden)
    return layer.emit(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, shape, "UnidirectionalSequenceLSTMOptions",
        fusedActivationFunction=_TANH, timeMajor=True,
    )  # fmt: skip


def _peepholes(layer: Layer, index: int) -> list[Tensor | None]:
    if len(layer.node.inputs) < 8 or layer.node.inputs[7] is None:
        return [None] * 3
    known = layer.walk.known(layer.node.inputs[7])
    if known is None:
        raise layer.walk.place.refused("its weights are computed when the model runs")
    into, out, forget = np.split(known[index], 3)
    return [layer.stored("peephole", part) for part in (into, forget, out)]


def _state(layer: Layer, index: int, direction: int) -> Tensor:
    """A variable that holds the initial state whenever the layer begins."""
    made = layer.walk.draft.tensor(
        f"{layer.label}.state", (layer.batch, layer.hidden), "float32", variable=True
    )
    given = layer.initial(index, direction)
    draft = layer.walk.draft
    if not isinstance(given, Tensor) and not draft.is_free(layer.batch):
        first = draft.constant("state", given)
        draft.emit("ADD", [first, _nothing(layer)], [made], "AddOptions")
        return made
    # An ADD of computed operands may be given their memory, and a variable has its own: a SUM not.
    wide = layer.tensor((1, *made.shape))
    draft.reshape(_started(layer, index, direction), wide)
    axes = draft.constant("axes", np.array([0], np.int32))
    draft.emit("SUM", [wide, axes], [made], "ReducerOptions", keepDims=False)
    return made


def _nothing(layer: Layer) -> Tensor:
    """Zeros of B, H or, where B may change, of B, 1 that come about from the input."""
    walk, batch = layer.walk, layer.batch
    if not walk.draft.is_free(batch):
        return walk.draft.constant("zeros", np.zeros((batch, layer.hidden), np.float32))
    first = layer.at(layer.x, 0, layer.x.shape[1:])
    small = layer.emit("RELU_N1_TO_1", [first], first.shape)
    axes = walk.draft.constant("axes", np.array([1], np.int32))
    total = layer.emit("SUM", [small, axes], (batch, 1), "ReducerOptions", keepDims=True)
    zero = walk.draft.constant("zero", np.array(0, np.float32))
    return layer.emit("MUL", [total, zero], (batch, 1), "MulOptions")


def _backwards(layer: Layer, tensor: Tensor) -> Tensor:
    axes = layer.walk.draft.constant("axes", np.array([0], np.int32))
    return layer.emit("REVERSE_V2", [tensor, axes], tensor.shape, "ReverseV2Options")


def _gru(walk: Walk, node: ir.Node) -> None:
    _unrolled(Layer.of(walk, node, 3))


def _rnn(walk: Walk, node: ir.Node) -> None:
    _unrolled(Layer.of(walk, node, 1))


def _unrolled(layer: Layer) -> None:
    """The layer step by step, each direction in the order of its steps."""
    free = layer.walk.draft.is_free(layer.steps)
    if free or not 0 < layer.steps <= MOST_STEPS:
        many = "any number of" if free else layer.steps
        raise layer.walk.place.refused(
            f"{layer.node.op_type} over {many} steps: LiteRT has no operator for it, and at most "
            f"{MOST_STEPS} are written one by one",
            "--input with a fixed and shorter sequence, or an LSTM",
        )
    outputs: list[Tensor] = []
    last: list[list[Tensor]] = []
    for index, direction in enumerate(layer.directions):
        cell = cell_of(layer, index)
        states: list[Tensor] = [_started(layer, 5 + k, index) for k in range(cell.states)]
        found = _stepped(layer, cell, states, direction == "reverse")
        outputs.append(
            layer.emit("PACK", found[0], (layer.steps, layer.batch, layer.hidden),
                       "PackOptions", valuesCount=layer.steps, axis=0)
        )  # fmt: skip
        last.append(found[1])
    layer.hand_on(outputs, [list(states) for states in zip(*last, strict=True)])


def _stepped(
    layer: Layer, cell: Cell, states: list[Tensor], reverse: bool
) -> tuple[list[Tensor], list[Tensor]]:
    """What the cell hands on after each step, in the order of time, and its last states."""
    made: list[Tensor] = []
    times = range(layer.steps)
    for time in reversed(times) if reverse else times:
        states = cell.step(time, states)
        made.append(states[0])
    return (made[::-1] if reverse else made), states


def _started(layer: Layer, index: int, direction: int) -> Tensor:
    given: Tensor | Array = layer.initial(index, direction)
    if isinstance(given, Tensor):
        return given
    if not layer.walk.draft.is_free(layer.batch):
        wide = np.broadcast_to(given, (layer.batch, layer.hidden))
        return layer.walk.draft.constant("state", np.ascontiguousarray(wide))
    first = layer.walk.draft.constant("state", given)
    shape = (layer.batch, layer.hidden)
    return layer.emit("ADD", [first, _nothing(layer)], shape, "AddOptions")


LOWERINGS = {"GRU": Lowering(_gru), "LSTM": Lowering(_lstm), "RNN": Lowering(_rnn)}
