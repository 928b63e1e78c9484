"""Hold a graph's inputs against what the user said of them: names, types, ranks, sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

from mcompile import graph
from mcompile.errors import SourceError
from mcompile.frontend.options import show
from mcompile.types import Dim, Port, Program


def conform(program: Program, inputs: Sequence[Port], rename: bool = False) -> Program:
    """The program with the sizes that `inputs` fixes, and with its names where `rename` is set.

    A dimension of the model that is free may be fixed, everywhere its name occurs; one that is
    fixed cannot be freed. Raises `SourceError` naming both sides.
    """
    values = [v for v in program.graph.graph.inputs if v.name in {p.name for p in program.inputs}]
    pairs = _matched(program, values, inputs, rename)
    fixed: dict[str, int] = {}
    for value, port in pairs:
        _check(value, port)
        for have, want in zip(graph.dims(value) or (), port.shape, strict=False):
            if isinstance(have, str) and isinstance(want, int):
                _note(fixed, have, want, port)
    for value, port in pairs:
        _pin(value, port)
    _substitute(program.graph, fixed)
    if rename:
        for value, port in pairs:
            _rename(program.graph.graph, value, port.name)
    return graph.program(program.name, program.graph)


def _matched(
    program: Program, values: Sequence[ir.Value], inputs: Sequence[Port], rename: bool
) -> list[tuple[ir.Value, Port]]:
    by_name = {graph.name_of(v): v for v in values}
    if all(p.name in by_name for p in inputs):
        return [(by_name[p.name], p) for p in inputs]
    unnamed = not any(p.name for p in inputs)
    if len(inputs) != len(values) or not (unnamed or rename):
        unknown = [p.name for p in inputs if p.name and p.name not in by_name]
        what = f"the model has no input {unknown[0]}" if unknown else "the number of inputs differs"
        raise SourceError(
            what,
            where=f"{program.name}: given {_list(inputs)}; the model has {_list(program.inputs)}",
            fix="the model's own names, or as many unnamed inputs as it has",
        )
    return list(zip(values, inputs, strict=True))


def _list(ports: Sequence[Port]) -> str:
    return " ".join(show(p) for p in ports) or "none"


def _check(value: ir.Value, port: Port) -> None:
    have = graph.port(value)
    wrong = ""
    if have.dtype != port.dtype:
        wrong = "the element type differs"
    elif value.shape is not None and len(have.shape) != len(port.shape):
        wrong = "the rank differs"
    elif any(_clash(a, b) for a, b in zip(have.shape, port.shape, strict=False)):
        wrong = "a size differs"
    if wrong:
        raise SourceError(
            f"{wrong} from the model's",
            where=f"given {show(port)}; the model has {show(have)}",
            fix=f'--input "{show(have)}"',
        )


def _clash(have: Dim, want: Dim) -> bool:
    return isinstance(have, int) and have != want


def _note(fixed: dict[str, int], name: str, size: int, port: Port) -> None:
    if name != "?" and fixed.setdefault(name, size) != size:
        raise SourceError(
            f"dimension {name} cannot be both {fixed[name]} and {size}",
            where=show(port),
            fix=f"one size wherever the model says {name}",
        )


def _pin(value: ir.Value, port: Port) -> None:
    if value.shape is None:
        value.shape = ir.Shape(port.shape)
        return
    sizes = zip(value.shape.dims, port.shape, strict=True)
    value.shape = ir.Shape([b if isinstance(b, int) else a for a, b in sizes])


def _substitute(model: ir.Model, fixed: Mapping[str, int]) -> None:
    """Put the sizes in wherever the names occur, and forget sizes computed from those names."""
    if not fixed:
        return
    for scope in (model.graph, *model.graph.subgraphs()):
        made = [out for node in scope for out in node.outputs]
        for value in (*scope.inputs, *made):
            if value.shape is not None:
                value.shape = ir.Shape([_size(d, fixed) for d in value.shape.dims])


def _size(dim: int | ir.SymbolicDim, fixed: Mapping[str, int]) -> int | ir.SymbolicDim | None:
    if isinstance(dim, int) or dim.value is None:
        return dim
    # A name such as "2*N" stands for a size that shape inference will find again.
    derived = not dim.value.isidentifier() and any(n in dim.value for n in fixed)
    return fixed.get(dim.value, None if derived else dim)


def _rename(scope: ir.Graph, value: ir.Value, name: str) -> None:
    if not name or value.name == name:
        return
    for other in graph.values(scope):
        if other.name == name:
            other.name = graph.fresh(scope, f"{name}_inner")
    value.name = name
