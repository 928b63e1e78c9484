"""Of several reshaping ops in a row only the last one is needed.

    Reshape(f(x), shape)  ->  Reshape(x, shape)
    g(f(x))               ->  Reshape(x, the shape of g's output)
    g(f(x))               ->  x        where that shape is the shape of x

f and g are Reshape, Flatten, Squeeze, Unsqueeze: none of them moves an element. A Reshape whose
target copies a dimension of its input (a 0) is given the number, where it is known. A shape with
one dimension that is only known at run time is asked for with -1 in its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.rules import Phase, Rule, Skip
from mcompile.types import Dim

_OPS = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")


@dataclass(frozen=True)
class Direct:
    """The last op, what the first one reads, and the shape to ask for; None where it is x's."""

    node: ir.Node
    source: ir.Value
    target: tuple[int, ...] | None


class FoldReshapes(Rule[Direct]):
    root = _OPS
    phase = Phase.FOLD

    def match(self, node: ir.Node) -> Direct | Skip | None:
        between = node.inputs[0]
        first = between.producer() if between is not None else None
        if first is None or first.op_type not in _OPS or first.domain not in {"", "ai.onnx"}:
            return None
        source, output = first.inputs[0], node.outputs[0]
        if source is None or self.opset < 5:
            return None
        after = graph.dims(output)
        if _same(graph.dims(source), after) and not graph.hindrance(output, source):
            return Direct(node, source, None)
        target = _asked(node, after)
        if target is None and after is not None and 0 in after:
            return Skip(f"{output.name} has no elements")
        if target is None:
            return Skip(f"{output.name} has several dimensions that are only known at run time")
        return Direct(node, source, target)

    def rewrite(self, found: Direct) -> None:
        old = found.node.outputs[0]
        if found.target is None:
            graph.replace(old, found.source)
            return
        home = graph.owner(found.node)
        shape = np.array(found.target, np.int64)
        target = graph.constant(home, f"{graph.name_of(old)}_shape", shape)
        new = ir.Node("", "Reshape", [found.source, target], name=found.node.name)
        home.insert_before(found.node, new)
        new.outputs[0].name = graph.fresh(home, graph.name_of(old))
        new.outputs[0].shape = old.shape.copy() if old.shape is not None else None
        graph.replace(old, new.outputs[0])


def _same(before: tuple[Dim, ...] | None, after: tuple[Dim, ...] | None) -> bool:
    """Whether both are one shape; one dimension may be open, as the number of elements fixes it."""
    if before is None or after is None or len(before) != len(after) or 0 in before:
        return False
    pairs = zip(before, after, strict=True)
    unlike = [b for a, b in pairs if a != b or a == "?"]
    return not unlike or (len(unlike) == 1 and not isinstance(unlike[0], int))


def _asked(node: ir.Node, after: tuple[Dim, ...] | None) -> tuple[int, ...] | None:
    """A target that leads from any earlier shape to the same result; None where none is known."""
    given = graph.array(node.inputs[1]) if node.op_type == "Reshape" else None
    if given is not None and not graph.integer(node, "allowzero", 0) and (given != 0).all():
        return tuple(int(d) for d in given)
    if after is None or 0 in after:
        return None
    sizes = tuple(d if isinstance(d, int) else -1 for d in after)
    return sizes if sizes.count(-1) < 2 else None
