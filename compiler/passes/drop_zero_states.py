"""A recurrent layer that starts at zeros need not be told so.

    LSTM(x, W, R, B, lengths, Expand(0, [1, batch, h]), ...)  ->  LSTM(x, W, R, B, lengths)

The standard says of the initial states of LSTM, GRU and RNN: where not given, they are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from mcompile.algebra.patterns import filled
from mcompile.rules import Phase, Rule

_STATES = {"LSTM": (5, 6), "GRU": (5,), "RNN": (5,)}


@dataclass(frozen=True)
class Zeros:
    """A recurrent layer, and the places of its initial states that are zeros."""

    node: ir.Node
    places: tuple[int, ...]


class DropZeroStates(Rule[Zeros]):
    root = tuple(_STATES)
    phase = Phase.CLEAN

    def match(self, node: ir.Node) -> Zeros | None:
        given = [k for k in _STATES[node.op_type] if k < len(node.inputs)]
        places = tuple(k for k in given if filled(node.inputs[k], 0))
        return Zeros(node, places) if places else None

    def rewrite(self, found: Zeros) -> None:
        for place in found.places:
            found.node.replace_input_with(place, None)
