"""Transposes are moved to where they undo each other.

    Transpose<q>(f(Transpose<p>(x), c))  ->  f'(x, c')        where q undoes p

f works in any order of axes: elementwise ops, Concat, Split, Slice, Pad, reductions, Softmax,
QuantizeLinear, a product with a constant matrix or a norm whose axes stay in place; f' is f with
its axes renamed, c' a constant in the other order. Between Transposes there may be many such ops,
and ways that leave them through no Transpose: those are given one. Of all choices the one with the
fewest Transposes is taken, and of those the one that changes the fewest ops. It is made only where
it leaves fewer Transposes than there were; so it ends.
"""

from __future__ import annotations

from functools import partial

import onnx_ir as ir

from mcompile.algebra import permuted, relayout
from mcompile.algebra.regions import Search
from mcompile.algebra.relayout import Region
from mcompile.rules import Phase, Rule, Skip
from mcompile.types import Program


class PushTransposes(Rule[Region]):
    root = "Transpose"
    phase = Phase.LAYOUT

    def start(self, program: Program) -> None:
        super().start(program)
        self._search = Search(partial(permuted.form, opset=max(self.opset, permuted.OPSET)))

    def match(self, node: ir.Node) -> Region | Skip | None:
        found = next(self._search.near(node), None)
        if found is not None and self.opset < permuted.OPSET:
            return Skip(f"axes are renamed as of opset {permuted.OPSET}, this is {self.opset}")
        return found

    def rewrite(self, found: Region) -> None:
        relayout.apply(found)
