"""Einsums of one operand or two: BATCH_MATMUL, FULLY_CONNECTED with a constant, or MUL.

    bqhd, bkhd -> bhqk        batch b and h, rows q, columns k, summed over d

Each operand is read with its batch axes in front; the output lies batch, rows, columns, whatever
the equation calls them. Rows, columns and sums of several letters are seen as one axis each. What
one operand alone has and the output has not is summed before.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Quant, Tensor
from mcompile.backends.litert.equations import Labels, parsed
from mcompile.backends.litert.layout import Order
from mcompile.backends.litert.linear import connect
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.moves import seen_as
from mcompile.backends.litert.pairs import is_real
from mcompile.backends.litert.steps import Steps
from mcompile.backends.litert.values import Constant
from mcompile.backends.litert.walk import Walk

_AS_MATMUL = "Transpose and MatMul in its place"
_MOST_BATCHES = 3
"""Axes in front of the matrices that BATCH_MATMUL has kernels for."""


def _einsum(walk: Walk, node: ir.Node) -> None:
    equation = node.attributes.get_string("equation", "")
    if not all(v is not None and is_real(v) for v in node.inputs):
        raise walk.place.refused(f"{equation} of whole numbers", "Cast to float32")
    found = parsed(equation, [len(walk.shape(v)) for v in node.inputs])
    if found is None or len(found[0]) > 2:
        raise walk.place.refused(f"{equation} is no single product of matrices", _AS_MATMUL)
    operands, out = found
    if len(operands) == 1:
        _alone(walk, node.inputs[0], operands[0], out)
        return
    said, values = Labels(operands[0], operands[1], out), list(node.inputs)
    sizes = [
        dict(zip(o, walk.shape(v), strict=True)) for o, v in zip(operands, values, strict=True)
    ]
    if any(sizes[0][c] != sizes[1][c] for c in sizes[0] if c in sizes[1]):
        raise walk.place.refused(f"{equation} repeats an axis of 1", "Expand before it")
    if walk.constant(values[0]) is not None:
        said, values = said.swapped(), values[::-1]
    Product(walk, said, sizes[0] | sizes[1]).write(values)


def _alone(walk: Walk, value: ir.Value | None, letters: str, out: str) -> None:
    """Axes in another order; those that the output lacks are summed."""
    lost = [c for c in letters if c not in out]
    perm = [letters.index(c) for c in out]
    if not lost:
        walk.see(walk.view(value).transposed(perm))
        return
    walk.in_reals()
    source = walk.read(value, (*perm, *(letters.index(c) for c in lost)))
    axes = range(len(out), len(letters))
    Steps(walk).reduce("SUM", source, axes, out=walk.make())


class Product:
    """A product of two operands whose letters have these sizes."""

    def __init__(self, walk: Walk, said: Labels, sizes: dict[str, int]) -> None:
        self._walk, self._said, self._sizes = walk, said, sizes
        lost = {*said.left, *said.right} - {*said.out, *said.summed}
        if lost:
            walk.in_reals()  # what lies between the operators has no scale
        many = len(said.batch) > _MOST_BATCHES
        self._batch = [said.batch] if many else [*said.batch]

    def write(self, values: Sequence[ir.Value | None]) -> None:
        """Append the operators; a constant is the second of the values."""
        said, weights = self._said, self._walk.constant(values[1])
        made = self._walk.make(
            tuple(said.out.index(c) for c in said.batch + said.rows + said.columns)
        )
        if not said.summed:
            self._spread(values, made)
        elif weights is not None and not said.batch and {*said.right} <= {*said.out, *said.summed}:
            self._connected(values[0], weights, made)
        else:
            self._multiplied(values, made)

    def _multiplied(self, values: Sequence[ir.Value | None], made: Tensor) -> None:
        said = self._said
        left, adj_x = self._factor(values[0], said.left, (said.rows, said.summed))
        right, adj_y = self._factor(values[1], said.right, (said.summed, said.columns))
        self._emit(
            "BATCH_MATMUL", (left, right), (*self._batch, said.rows, said.columns), made,
            options="BatchMatMulOptions", adjX=adj_x, adjY=adj_y,
        )  # fmt: skip

    def _spread(self, values: Sequence[ir.Value | None], made: Tensor) -> None:
        """Nothing is summed: each operand is spread over the axes of the other."""
        said, sides = self._said, []
        for value, letters, wide in zip(values, (said.left, said.right), (0, 1), strict=True):
            tensor = self._read(value, letters, said.batch + (said.columns if wide else said.rows))
            rows = [1 if wide else self._sizes[c] for c in said.rows]
            columns = [self._sizes[c] if wide else 1 for c in said.columns]
            shape = (*(self._sizes[c] for c in said.batch), *rows, *columns)
            sides.append(seen_as(self._walk, tensor, shape))
        self._emit("MUL", sides, [*said.batch, *said.rows, *said.columns], made, "MulOptions")

    def _connected(self, value: ir.Value | None, weights: Constant, made: Tensor) -> None:
        said = self._said
        source = self._read(value, said.left, said.rows + said.summed)
        source = seen_as(self._walk, source, self._shape([*said.rows, said.summed]))
        perm = [said.right.index(c) for c in said.columns + said.summed]
        data = weights.data.transpose(perm).reshape(self._shape([said.columns, said.summed]))
        quant = weights.quant
        if quant is not None and len(quant.scale) > 1:
            if said.right[quant.axis] != said.columns:
                raise self._walk.place.refused("scales along an axis that is no single column")
            quant = Quant(quant.scale, quant.zero_point, 0)
        matrix = Constant(weights.name, np.ascontiguousarray(data), quant)
        shape = self._shape([*said.rows, said.columns])
        found = made if shape == made.shape else self._walk.scratch(made, shape)
        flat = seen_as(self._walk, source, (1, *source.shape)) if len(shape) == 1 else source
        whole = found if flat is source else self._walk.scratch(made, (1, *shape))
        connect(self._walk, flat, matrix, None, whole)
        for one, other in ((whole, found), (found, made)):
            if one is not other:
                self._walk.draft.reshape(one, other)

    def _emit(
        self, kind: str, sides: Sequence[Tensor], groups: Sequence[str], made: Tensor,
        options: str, **fields: object,
    ) -> None:  # fmt: skip
        shape = self._shape(groups)
        found = made if shape == made.shape else self._walk.scratch(made, shape)
        self._walk.draft.emit(kind, sides, [found], options, **fields)
        if found is not made:
            self._walk.draft.reshape(found, made)

    def _shape(self, groups: Sequence[str]) -> tuple[int, ...]:
        """A size for each group of letters; an empty one has 1."""
        return tuple(prod(self._sizes[c] for c in group) for group in groups)

    def _factor(
        self, value: ir.Value | None, letters: str, ends: tuple[str, str]
    ) -> tuple[Tensor, bool]:
        """The operand as matrices of those axes, or with them exchanged where it lies so."""
        constant = self._walk.constant(value)
        if constant is not None and constant.quant and len(constant.quant.scale) > 1:
            raise self._walk.place.refused(
                "BATCH_MATMUL takes one scale for a tensor, not by channel"
            )
        one, other = ends
        lies_so = value is not None and constant is None and len(one) == len(other) == 1
        lies_so = lies_so and self._order(value, letters) == self._said.batch + other + one
        first, last = (other, one) if lies_so else (one, other)
        tensor = self._read(value, letters, self._said.batch + first + last)
        return seen_as(self._walk, tensor, self._shape([*self._batch, first, last])), lies_so

    def _order(self, value: ir.Value | None, letters: str) -> str:
        """The letters of an operand as they lie in memory."""
        assert value is not None
        return "".join(letters[a] for a in self._walk.held(value).order)

    def _read(self, value: ir.Value | None, letters: str, kept: str) -> Tensor:
        """The operand with those axes in that order; its others are summed."""
        lost = [c for c in letters if c not in kept]
        order: Order = tuple(letters.index(c) for c in (*kept, *lost))
        tensor = self._walk.read(value, order)
        if not lost:
            return tensor
        axes = range(len(kept), len(letters))
        total = Steps(self._walk).reduce("SUM", tensor, axes)
        return seen_as(self._walk, total, self._shape([*kept]))


LOWERINGS = {"Einsum": Lowering(_einsum, integers=BOTH)}
