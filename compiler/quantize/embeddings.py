"""Embedding tables in eight bits, with a scale for each row.

    Gather(t, i)  ->  Mul(Cast(Gather(q, i)), Gather(s, i))

Only what was picked becomes float, so a run is no slower. Four bits would need an operator of one
runtime alone: the standard's Gather is not written for them there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import onnx_ir as ir

from mcompile.errors import Broken
from mcompile.graph import constant, integer, is_constant, name_of, replace, sizes
from mcompile.quantize.weights import encode, scales
from mcompile.types import QParams, Scheme

_LEAST = 1 << 14
"""Numbers of a table below which three more nodes are not worth it."""

_ROWS = Scheme(activations="float32", weights="int8")


@dataclass(frozen=True)
class Table:
    """The codes [V, H] and scales [V, 1] of a table, as values of the graph."""

    codes: ir.Value
    scales: ir.Value
    params: QParams


def is_table(node: ir.Node) -> bool:
    """Whether the node picks rows of a large float constant, which only such nodes read."""
    if node.op_type != "Gather" or node.domain:
        return False
    table = node.inputs[0]
    if table is None or not is_constant(table) or table.dtype != ir.DataType.FLOAT:
        return False
    if table.shape is None or table.shape.rank() != 2:
        return False
    alone = all(_picks_rows(use.node) and use.idx == 0 for use in table.uses())
    return alone and int(np.prod(table.shape.numpy(), dtype=np.int64)) >= _LEAST


def _picks_rows(node: ir.Node) -> bool:
    return node.op_type == "Gather" and not node.domain and integer(node, "axis", 0) in (0, -2)


def store(graph: ir.Graph, node: ir.Node) -> Table:
    """The table that the node reads, as integers; codes are computed when they are written."""
    name = name_of(node.inputs[0])
    tensor = node.inputs[0].const_value if node.inputs[0] is not None else None
    if tensor is None:
        raise Broken("a table without numbers", where=name)
    params = scales(node, tensor.numpy(), _ROWS)
    codes = ir.LazyTensor(partial(_codes, tensor, params), ir.DataType.INT8, sizes(tensor))
    rows = constant(graph, f"{name}.scale", params.scale[:, None])
    return Table(constant(graph, f"{name}.integer", codes), rows, params)


def pick(graph: ir.Graph, node: ir.Node, table: Table) -> None:
    """Put in the node's place what picks codes and their scales, and multiplies them."""
    out = node.outputs[0]
    label = name_of(out)
    picked = ir.node("Gather", [table.codes, node.inputs[1]], name=f"{label}.integer")
    steps = ir.node("Gather", [table.scales, node.inputs[1]], name=f"{label}.scale")
    real = ir.node("Cast", picked.outputs, {"to": ir.DataType.FLOAT}, name=f"{label}.cast")
    product = ir.node("Mul", [*real.outputs, *steps.outputs], name=f"{label}.real")
    product.outputs[0].type, product.outputs[0].shape = out.type, out.shape
    graph.insert_before(node, [picked, steps, real, product])
    replace(out, product.outputs[0])
    graph.remove(node, safe=True)
    product.outputs[0].name = label


def _codes(tensor: ir.TensorProtocol, params: QParams) -> ir.TensorProtocol:
    return ir.tensor(encode(tensor.numpy(), params))
