"""Peak memory of activations: what must be kept at once when nodes run in the graph's order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

import onnx_ir as ir

from mcompile import graph
from mcompile.estimate.operations import VIEWS
from mcompile.estimate.shapes import MARKERS, nbytes, prepare, stored, weight
from mcompile.types import Measured, Program, Provenance

_ALIASES = VIEWS | MARKERS


@dataclass
class Span:
    """A piece of storage: alive from the step that makes it to the last step that reads it."""

    bytes: int
    born: int
    dies: int


def peak_activation(program: Program, sizes: Mapping[str, int] | None = None) -> Measured:
    """`activation_peak_mb` (MB = 10^6 bytes): the most bytes of tensors alive at one node.

    Constants do not count. Views (Reshape, Identity, ...) and Q/DQ pairs share their input's
    storage; nothing else is computed in place. Exact for the graph as it is written, so its
    provenance is `stated`; an allocator adds to it, and fusion takes away. With a size that is
    not known the value is a lower bound, `predicted` and open above.
    """
    found, unknown = spans(prepare(program, sizes))
    most = peak_bytes(found) / 1e6
    if not unknown:
        note = "by liveness over the graph's order"
        return Measured("activation_peak_mb", most, "MB", Provenance.STATED, note=note)
    note = f"at least: the sizes of {len(unknown)} tensors are not known ({unknown[0]})"
    return Measured("activation_peak_mb", most, "MB", Provenance.PREDICTED, low=most, note=note)


def peak_bytes(found: Iterable[Span]) -> int:
    """The largest sum of bytes alive at one step."""
    events = sorted(e for s in found for e in ((s.born, 1, s.bytes), (s.dies + 1, 0, -s.bytes)))
    return max(accumulate(change for _, _, change in events), default=0)


def spans(program: Program) -> tuple[list[Span], list[str]]:
    """Each storage's span in steps of the main graph, and the tensors of unknown size."""
    main = program.graph.graph
    roots: dict[ir.Value, ir.Value] = {}
    found: dict[ir.Value, Span] = {}
    unknown: list[str] = []

    def begin(value: ir.Value, step: int) -> None:
        size = nbytes(value)
        if size is None:
            unknown.append(graph.name_of(value))
        roots[value] = value
        found[value] = Span(size or 0, step, step)

    for value in main.inputs:
        if value.name not in main.initializers:
            begin(value, -1)
    step = -1
    for step, node in enumerate(main):
        for value in _read(node):
            if value in roots:
                found[roots[value]].dies = step
        for value in node.outputs:
            source = _aliased(node)
            if source is not None and source in roots:
                roots[value] = roots[source]
            elif value.name and weight(value) is None:
                begin(value, step)
    for value in main.outputs:
        if value in roots:
            found[roots[value]].dies = step
    return list(found.values()), unknown


def _aliased(node: ir.Node) -> ir.Value | None:
    if node.op_type not in _ALIASES:
        return None
    source = node.inputs[0]
    if node.op_type == "QuantizeLinear" and source is not None:
        # Other readers still need the floats: the integers are then a second tensor.
        return source if stored(source) is node.outputs[0] else None
    return source


def _read(node: ir.Node) -> list[ir.Value]:
    bodies = (a.as_graph() for a in node.attributes.values() if a.type == ir.AttributeType.GRAPH)
    outer = [v for body in bodies for inner in body.all_nodes() for v in inner.inputs]
    return [v for v in (*node.inputs, *outer) if v is not None]
