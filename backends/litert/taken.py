"""Which operators XNNPACK took of a file when the runtime loaded it here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ai_edge_litert.interpreter import Interpreter

from mcompile.backends.litert.coverage import told
from mcompile.backends.litert.listing import Listed
from mcompile.backends.litert.notices import unsaid
from mcompile.coverage import Coverage

_NAME = "XNNPACK, on the processor"


def xnnpack(data: bytes, ops: Sequence[Listed]) -> Coverage:
    """The row of the processor's own delegate; what it leaves runs on LiteRT's plain kernels.

    The runtime tells the tensors that go into and out of each piece it handed over. What lies
    between them is what the delegate took.
    """
    with unsaid():
        runner: Any = Interpreter(model_content=data)
        runner.allocate_tensors()
    pieces = [op for op in runner._get_ops_details() if op["op_name"] == "DELEGATE"]
    taken = {i for piece in pieces for i in _between(ops, piece["inputs"], piece["outputs"])}
    return told(_NAME, ops, taken, len(pieces))


def _between(ops: Sequence[Listed], read: Iterable[int], made: Iterable[int]) -> set[int]:
    """The places of the operators that make one set of tensors from another."""
    makers: Mapping[int, int] = {t.index: i for i, op in enumerate(ops) for t in op.outputs}
    given, open_, found = {int(i) for i in read}, [int(i) for i in made], set[int]()
    while open_:
        index = open_.pop()
        place = makers.get(index)
        if place is not None and index not in given and place not in found:
            found.add(place)
            open_ += [t.index for t in ops[place].computed]
    return found
