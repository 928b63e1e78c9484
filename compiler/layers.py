"""Which layer of a runtime is which node of the program.

Runtimes fuse and rename: `relu_3_nchwc` is the convolution before `relu_3`. A layer is looked up
by the longest node or value name that its own begins with, suffix by suffix, and its arithmetic is
that of the nearest node upstream which has any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import onnx_ir as ir

from mcompile.estimate.work import NodeWork
from mcompile.graph import name_of
from mcompile.record import GraphRow, Layer
from mcompile.types import Program

_STEPS = 4
_PRODUCTS = (
    "Conv", "Gemm", "MatMul", "FullyConnected", "LSTM", "GRU", "RNN", "Einsum"
)  # fmt: skip


@dataclass(frozen=True)
class _Index:
    by_name: Mapping[str, ir.Node]
    work: Mapping[str, NodeWork]
    drift: Mapping[str, float]


def described(
    layers: Iterable[Layer], program: Program, work: Iterable[NodeWork], drift: Mapping[str, float]
) -> tuple[Layer, ...]:
    """The layers with error, weight size and MACs where they can be told."""
    by_name: dict[str, ir.Node] = {}
    for node in program.graph.graph:
        for name in (node.name or "", *(name_of(v) for v in node.outputs if v.name)):
            by_name.setdefault(name, node)
    index = _Index(by_name, {w.name: w for w in work}, drift)
    return tuple(_described(layer, index) for layer in layers)


def rows(program: Program) -> tuple[GraphRow, ...]:
    """The nodes of the program as a report lists them."""
    return tuple(
        GraphRow(n.name or "", n.op_type, "x".join(map(str, n.outputs[0].shape or ())))
        for n in program.graph.graph
        if n.outputs
    )


def _described(layer: Layer, index: _Index) -> Layer:
    node = _find(layer.name, index.by_name)
    if node is None:
        return layer
    named = [name_of(v) for v in node.outputs if v.name]
    error = next((index.drift[n] for n in named if n in index.drift), None)
    work = _arithmetic(node, index) if _multiplies(layer.op) else None
    if work is None or work.macs is None:
        return replace(layer, sqnr_db=error)
    return replace(layer, sqnr_db=error, weights_kb=work.weight_bytes / 1e3, macs_m=work.macs / 1e6)


def _multiplies(op: str) -> bool:
    return op != "Convert" and any(word in op for word in _PRODUCTS)


def _find(name: str, known: Mapping[str, ir.Node]) -> ir.Node | None:
    while name:
        if name in known:
            return known[name]
        name = name[: max(name.rfind("_"), name.rfind("."), name.rfind("/"), 0)]
    return None


def _arithmetic(node: ir.Node, index: _Index) -> NodeWork | None:
    """The work of the node or, where it only follows one, of what it follows."""
    for _ in range(_STEPS):
        work = index.work.get(node.name or "")
        if work is not None and work.macs:
            return work
        before = node.inputs[0].producer() if node.inputs and node.inputs[0] is not None else None
        if before is None:
            return None
        node = before
    return None
