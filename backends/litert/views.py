"""A value as the memory of a tensor, however often it was reshaped and transposed since.

Memory is cut into pieces, and each axis of the value is a run of pieces:

    N H W C  =  pieces (N, H, W, 2, C/2)  --Reshape, Transpose, Reshape-->  axes N, (C/2, 2), H, W

A Reshape cuts pieces and regroups them, a Transpose exchanges axes; memory stays as it is until
somebody reads the value in an order that its pieces do not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.layout import Order

Run = tuple[int, ...]
"""Pieces by their place in memory."""


@dataclass(frozen=True)
class View:
    """`sizes` of the pieces of `tensor` in memory; `axes`: of which of them each axis is made."""

    tensor: Tensor
    sizes: tuple[int, ...]
    axes: tuple[Run, ...]

    @classmethod
    def of(cls, tensor: Tensor, order: Order) -> View:
        """A tensor that holds a value in that order."""
        axes = tuple((order.index(a),) for a in range(len(order)))
        return cls(tensor, tensor.shape, axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in the program."""
        return tuple(prod(self.sizes[p] for p in run) for run in self.axes)

    def transposed(self, perm: Sequence[int]) -> View:
        """What Transpose makes of it."""
        return View(self.tensor, self.sizes, tuple(self.axes[a] for a in perm))

    def reshaped(self, shape: Sequence[int]) -> View | None:
        """What Reshape makes of it; None where a piece would be cut unevenly."""
        if 0 in shape or 0 in self.sizes:
            return None
        cuts = _Cuts([p for run in self.axes for p in run], self.sizes)
        found = [cuts.take(size) for size in shape]
        if None in found or cuts.rest():
            return None
        return cuts.view(self.tensor, [run for run in found if run is not None])

    def order(self) -> Order | None:
        """The order in which memory holds it as it is; None where it holds it in none.

        An axis of size 1 that memory does not have stays behind the axis before it.
        """
        order = self.nearest()
        return order if self.holds(order) else None

    def nearest(self) -> Order:
        """The axes in the order of where they begin in memory."""
        places: list[int] = []
        for run in self.axes:
            solid = [p for p in run if self.sizes[p] != 1] or run
            places.append(min(solid) if solid else places[-1] if places else -1)
        return tuple(sorted(range(len(places)), key=places.__getitem__))

    def holds(self, order: Order) -> bool:
        """Whether memory already holds the value in that order."""
        solid = self._solid(order)
        return solid == sorted(solid)

    def pieces(self, order: Order) -> Run:
        """The permutation of the pieces that brings the value into that order."""
        rest = [p for p in range(len(self.sizes)) if self.sizes[p] == 1]
        named = [p for a in order for p in self.axes[a]]
        return (*named, *(p for p in rest if p not in named))

    def merged(self, order: Order) -> tuple[tuple[int, ...], Run]:
        """The fewest pieces, and their permutation, that bring the value into that order."""
        runs: list[list[int]] = []
        for piece in self._solid(order):
            follows = runs and all(self.sizes[p] == 1 for p in range(runs[-1][-1] + 1, piece))
            if follows and piece > runs[-1][-1]:
                runs[-1].append(piece)
            else:
                runs.append([piece])
        places = sorted(range(len(runs)), key=lambda k: runs[k][0])
        sizes = tuple(prod(self.sizes[p] for p in runs[k]) for k in places)
        return sizes, tuple(places.index(k) for k in range(len(runs)))

    def whole(self, order: Order) -> tuple[tuple[int, ...], Run] | None:
        """The axes of the value, and their permutation, that bring it into that order.

        None where the numbers of an axis do not lie together.
        """
        named = (self.axes[a] for a in order)
        runs = [[p for p in run if self.sizes[p] != 1] or [*run[:1]] for run in named]
        solid = [p for p in range(len(self.sizes)) if self.sizes[p] != 1]
        places = sorted(range(len(runs)), key=lambda k: runs[k] or [len(self.sizes)])
        if [p for k in places for p in runs[k] if self.sizes[p] != 1] != solid:
            return None
        sizes = tuple(prod(self.sizes[p] for p in runs[k]) for k in places)
        return sizes, tuple(places.index(k) for k in range(len(runs)))

    def columns(self) -> tuple[tuple[int, ...], Order] | None:
        """The sizes of the pieces of the last axis and the permutation in which memory has them.

        None unless all other axes lie in front of them, in the program's order.
        """
        last = [p for p in self.axes[-1] if self.sizes[p] != 1]
        front = [p for run in self.axes[:-1] for p in run if self.sizes[p] != 1]
        if front != sorted(front) or (front and last and max(front) > min(last)):
            return None
        sizes = tuple(self.sizes[p] for p in last)
        return sizes, tuple(sorted(range(len(last)), key=last.__getitem__))

    def _solid(self, order: Order) -> list[int]:
        return [p for a in order for p in self.axes[a] if self.sizes[p] != 1]


class _Cuts:
    """Takes pieces off a line of them, cutting one where an axis ends inside it."""

    def __init__(self, line: Sequence[int], sizes: Sequence[int]) -> None:
        self._parts: list[list[int]] = [[s] for s in sizes]
        self._line = [(p, 0) for p in line]

    def take(self, size: int) -> list[tuple[int, int]] | None:
        """The pieces, each as (old piece, part of it), that make an axis of that size."""
        taken: list[tuple[int, int]] = []
        if size == 1 and self._line and self._is_one(self._line[0]):
            return [self._line.pop(0)]
        while size > 1:
            while self._line and self._is_one(self._line[0]):
                self._line.pop(0)
            if not self._line:
                return None
            piece, part = self._line.pop(0)
            has = self._parts[piece][part]
            if size % has and has % size:
                return None
            if has > size:
                self._parts[piece][part:] = [size, has // size]
                self._line.insert(0, (piece, part + 1))
                has = size
            taken.append((piece, part))
            size //= has
        return taken

    def rest(self) -> bool:
        """Whether pieces are left over."""
        return not all(self._is_one(p) for p in self._line)

    def _is_one(self, piece: tuple[int, int]) -> bool:
        return self._parts[piece[0]][piece[1]] == 1

    def view(self, tensor: Tensor, runs: Sequence[Sequence[tuple[int, int]]]) -> View:
        """The axes on the pieces as they are cut now."""
        starts = [0]
        for parts in self._parts:
            starts.append(starts[-1] + len(parts))
        sizes = tuple(s for parts in self._parts for s in parts)
        return View(tensor, sizes, tuple(tuple(starts[p] + k for p, k in run) for run in runs))
