"""A Reshape to a computed shape asks for a constant one.

    Reshape(x, [Shape(x)[0], 12, 8])  ->  Reshape(x, [0, 12, 8])        0 keeps the dimension of x
    Reshape(x, [16, 4 * batch, 8])    ->  Reshape(x, [16, -1, 8])       -1 is what is left

An entry that equals the dimension of x at its place, whatever that is, becomes 0. One other entry
n may become -1: with p the product of the rest, x has n * p elements, and n is the count divided
by p. That holds for an n of 0, and for one that keeps a dimension, as long as p is not 0; so all
the rest must be known to be positive. (A kept dimension of an empty batch would make p 0.) A -1
that was there before may stay beside what is kept: the standard rules out a 0 beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.algebra import extents, terms
from mcompile.algebra.terms import Term
from mcompile.rules import Phase, Rule, Skip


@dataclass(frozen=True)
class Target:
    """A Reshape, and the shape to ask for."""

    node: ir.Node
    shape: tuple[int, ...]


class FoldReshapeTarget(Rule[Target]):
    root = "Reshape"
    phase = Phase.CLEAN

    def match(self, node: ir.Node) -> Target | Skip | None:
        if len(node.inputs) < 2 or graph.array(node.inputs[1]) is not None:
            return None
        found = extents.entries(node.inputs[1])
        if found is None or found.scalar or found.dtype != ir.DataType.INT64:
            return None
        asked, given = found.terms, terms.sizes(node.inputs[0]) or ()
        zeros = bool(graph.integer(node, "allowzero", 0))
        if found.numbers() is not None or (zeros and 0 in asked):
            return None
        kept = _kept(asked, given)
        shape = [t if isinstance(t, int) else 0 if k in kept else -1 for k, t in enumerate(asked)]
        told = -1 in asked and shape.count(-1) == 1
        reason = _vague(shape, given, told)
        return Skip(reason) if reason else Target(node, tuple(shape))

    def rewrite(self, found: Target) -> None:
        node = found.node
        stem = f"{graph.name_of(node.outputs[0])}_shape"
        shape = graph.constant(graph.owner(node), stem, np.array(found.shape, np.int64))
        node.replace_input_with(1, shape)
        node.attributes.pop("allowzero", None)


def _kept(asked: tuple[Term, ...], given: tuple[Term, ...]) -> set[int]:
    """The places at which the size that is asked for is the one that is there."""
    return {k for k, (a, b) in enumerate(zip(asked, given, strict=False)) if a == b}


def _vague(shape: list[int], given: tuple[Term, ...], told: bool) -> str:
    """Why the shape would not tell the sizes in every run, in words; empty when it does.

    `told` says that it holds nothing new but dimensions that are kept.
    """
    if given and 0 in shape[len(given) :]:
        return "it keeps a dimension that is not there"
    if (free := shape.count(-1)) > 1:
        return f"{free} of its sizes are only known at run time"
    kept = [given[k] if k < len(given) else 0 for k, n in enumerate(shape) if n == 0]
    positive = all(isinstance(d, int) and d > 0 for d in kept)
    told = told or not free or positive
    return "" if told else "beside a free size it keeps a dimension that may be 0"
