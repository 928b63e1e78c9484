"""Free sizes bound to numbers: the program for one batch size, one resolution, one length."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod

import onnx_ir as ir

from mcompile import graph
from mcompile.errors import SourceError
from mcompile.oracle import Oracle
from mcompile.types import Program


def specialized(program: Program, sizes: Mapping[str, int]) -> Program:
    """A copy of the program in which each of those free dimensions is that number, everywhere.

    The shapes of inner values and outputs follow. Raises `SourceError` for a name that no input
    has, for a size below one, and for sizes that contradict the graph, naming the node.
    """
    _check_names(program, sizes)
    copy = graph.clone(program)
    model = copy.graph
    for scope in (model.graph, *model.graph.subgraphs()):
        for value in (*scope.inputs, *(v for node in scope for v in node.outputs)):
            if value.shape is not None:
                value.shape = ir.Shape([_bound(d, sizes) for d in value.shape.dims])
    graph.infer_shapes(copy)
    found = graph.program(program.name, model)
    _check_graph(program, found, sizes)
    return found


def _check_names(program: Program, sizes: Mapping[str, int]) -> None:
    free = sorted({d for p in program.inputs for d in p.shape if isinstance(d, str) and d != "?"})
    for name, size in sizes.items():
        if name not in free:
            raise SourceError(
                f"no input has a free dimension {name}",
                where=program.name,
                fix=f"one of {', '.join(free)}" if free else "all sizes of this model are fixed",
            )
        if size < 1:
            raise SourceError(
                f"{size} is not a size", where=f"dimension {name}", fix="a whole number above zero"
            )


def _bound(dim: int | ir.SymbolicDim, sizes: Mapping[str, int]) -> int | ir.SymbolicDim | None:
    if isinstance(dim, int) or dim.value is None:
        return dim
    # A name such as "2*N" stands for a size that shape inference finds again.
    derived = not dim.value.isidentifier() and sizes.keys() & re.findall(r"\w+", dim.value)
    return sizes.get(dim.value, None if derived else dim)


def _check_graph(before: Program, after: Program, sizes: Mapping[str, int]) -> None:
    where = _torn(after)
    if not where:
        try:
            Oracle(after)
            return
        except SourceError as error:
            Oracle(before)  # if that cannot be loaded either, the sizes are not what is wrong
            where = error.where
    asked = ", ".join(f"{name} = {size}" for name, size in sizes.items())
    raise SourceError(
        f"{asked} contradicts the graph", where=where, fix="another size, or leave it free"
    )


def _torn(program: Program) -> str:
    """A Reshape that would lose or invent elements, in words; the runtime sees it only later."""
    for node in program.graph.graph.all_nodes():
        if node.op_type == "Reshape" and node.domain in {"", "ai.onnx"}:
            shapes = [_static(node.inputs[0]), _static(node.outputs[0])]
            if None not in shapes and len({prod(s) for s in shapes if s is not None}) > 1:
                given, asked = ("x".join(map(str, s or ())) for s in shapes)
                name = node.name or graph.name_of(node.outputs[0])
                return f"{program.name}: {name} (Reshape) makes {asked} of {given}"
    return ""


def _static(value: ir.Value | None) -> list[int] | None:
    shape = value.shape if value is not None else None
    return [int(d) for d in shape.numpy()] if shape is not None and shape.is_static() else None
