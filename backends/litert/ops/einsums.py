"""Einsums that are one product of matrices: BATCH_MATMUL, or FULLY_CONNECTED with a constant.

    bqhd, bkhd -> bhqk        batch b and h, rows q, columns k, summed over d

Each operand is read with its batch axes in front; the output lies batch, rows, columns, whatever
the equation calls them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.layout import Order
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.walk import Walk

_AS_MATMUL = "Transpose and MatMul in its place"


@dataclass(frozen=True)
class Labels:
    """The letters of an equation of two operands, by what they do."""

    left: str
    right: str
    out: str

    @property
    def batch(self) -> str:
        """What all three have."""
        return "".join(c for c in self.out if c in self.left and c in self.right)

    @property
    def rows(self) -> str:
        """What the left operand alone hands on."""
        return "".join(c for c in self.left if c in self.out and c not in self.right)

    @property
    def columns(self) -> str:
        """What the right operand alone hands on."""
        return "".join(c for c in self.right if c in self.out and c not in self.left)

    @property
    def summed(self) -> str:
        """What both have and the output has not."""
        return "".join(c for c in self.left if c in self.right and c not in self.out)

    def is_product(self) -> bool:
        """Whether every letter does one of these, and at most one batch of matrices is meant."""
        parts = self.batch + self.rows + self.columns + self.summed
        operands = (self.left, self.right, self.out)
        once = all(len({*o}) == len(o) for o in operands)
        single = len(self.rows) == len(self.columns) == len(self.summed) == 1
        return once and single and len(self.batch) <= 3 and {*parts} == {*"".join(operands)}


def _labels(walk: Walk, node: ir.Node) -> Labels:
    equation = node.attributes.get_string("equation", "").replace(" ", "")
    sides, arrow, out = equation.partition("->")
    left, comma, right = sides.partition(",")
    found = Labels(left, right, out) if arrow and comma and "," not in right else None
    if found is None or "." in equation or not found.is_product():
        raise walk.place.refused(f"{equation} is no single product of matrices", _AS_MATMUL)
    return found


def _einsum(walk: Walk, node: ir.Node) -> None:
    said = _labels(walk, node)
    batch = said.batch
    left = _operand(walk, node.inputs[0], said.left, batch + said.rows, said.summed)
    right = _operand(walk, node.inputs[1], said.right, batch + said.summed, said.columns)
    order = tuple(said.out.index(c) for c in batch + said.rows + said.columns)
    made = walk.make(order)
    fields = {"adjX": left[1], "adjY": right[1]}
    walk.draft.emit("BATCH_MATMUL", [left[0], right[0]], [made], "BatchMatMulOptions", **fields)


def _operand(
    walk: Walk, value: ir.Value | None, letters: str, front: str, last: str
) -> tuple[Tensor, bool]:
    """The operand with the axes of `front` before `last`, or those two ends exchanged."""
    plain = tuple(letters.index(c) for c in front + last)
    other: Order = (*plain[:-2], plain[-1], plain[-2])
    constant = walk.constant(value)
    if value is None or constant is not None:
        if constant is not None and constant.quant and np.size(constant.quant.scale) > 1:
            raise walk.place.refused("BATCH_MATMUL takes one scale for a tensor, not by channel")
        return walk.read(value, plain), False
    lies_so = walk.held(value).order == other
    return walk.read(value, other if lies_so else plain), lies_so


LOWERINGS = {"Einsum": Lowering(_einsum, integers=BOTH)}
