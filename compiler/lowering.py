"""Ops in the form that a runtime computes rightly, where it makes something else of the standard's.

A program is changed in place, when it is written: no other stage sees these forms.
"""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mcompile.graph import array, constant, fresh, integer, name_of, replace
from mcompile.types import Program

_INTEGERS = {"QuantizeLinear", "DequantizeLinear"}


def guard_means(program: Program) -> int:
    """Keep float each AveragePool that counts its pads; how many there were.

        AveragePool <pads, count_include_pad> (x)   becomes   AveragePool (Max(x, -3.4e38))

    OpenVINO moves the dequantization of what the op reads behind it. It then counts the integer 0
    in place of the zero point: what stood for zero in the mean becomes the lowest number. It moves
    nothing behind a Max. A Pad of its own does not help, for it is merged into the op again.
    Left as they are: an op that reads a pair whose zero point is 0, and programs without pairs.
    """
    graph = program.graph.graph
    if not any(n.op_type in _INTEGERS for n in graph):
        return 0
    found = [n for n in graph if n.op_type == "AveragePool" and _counts_pads(n)]
    found = [n for n in found if not _has_zero_at_0(n.inputs[0])]
    for node in found:
        stem = fresh(graph, f"{name_of(node.outputs[0])}.guarded")
        least = constant(graph, f"{stem}.least", np.asarray(np.finfo(np.float32).min))
        guard = ir.node("Max", [node.inputs[0], least], name=stem)
        guard.outputs[0].name, guard.outputs[0].type = stem, node.outputs[0].type
        graph.insert_before(node, guard)
        node.replace_input_with(0, guard.outputs[0])
    return len(found)


def _has_zero_at_0(value: ir.Value | None) -> bool:
    """Whether the value is dequantized, and the integer 0 stands for zero."""
    maker = value.producer() if value is not None else None
    if maker is None or maker.op_type != "DequantizeLinear":
        return False
    zero = array(maker.inputs[2]) if len(maker.inputs) > 2 else np.zeros(())
    return zero is not None and not zero.any()


def _counts_pads(node: ir.Node) -> bool:
    pads = node.attributes.get_ints("pads", ())
    padded = any(pads) or node.attributes.get_string("auto_pad", "NOTSET").startswith("SAME")
    return bool(integer(node, "count_include_pad", 0)) and padded


def fold_biases(program: Program) -> int:
    """Write constant int32 pairs as the numbers they stand for; how many there were.

        DequantizeLinear(b, s)   becomes   float32(b) * s

    OpenVINO computes the same constant whenever it loads a file, out of ten nodes for each layer.
    """
    graph, folded = program.graph.graph, 0
    for node in [n for n in graph if n.op_type == "DequantizeLinear"]:
        (codes, scale, *zeros), real = map(array, node.inputs), node.outputs[0]
        if codes is None or scale is None or codes.dtype != np.int32 or real.is_graph_output():
            continue
        if any(z is None or z.any() for z in zeros) or scale.shape not in ((), codes.shape):
            continue
        written = constant(graph, f"{name_of(real)}.folded", codes.astype(np.float32) * scale)
        replace(real, written)
        graph.remove(node, safe=True)
        folded += 1
    _drop_unread(graph)
    return folded


def _drop_unread(graph: ir.Graph) -> None:
    for name in [n for n, v in graph.initializers.items() if not v.uses()]:
        del graph.initializers[name]


def even_blocks(program: Program) -> None:
    """Cut blocks of weights until they divide the rows, which OpenVINO's converter insists on."""
    graph = program.graph.graph
    for node in graph:
        block = integer(node, "block_size", 0)
        weight = node.inputs[0] if block else None
        rows = int(weight.shape.numpy()[0]) if weight is not None and weight.shape else 0
        if rows and rows % block:
            even = rows if rows < block else math.gcd(rows, block)
            node.attributes["block_size"] = ir.AttrInt64("block_size", even)
            for index, value in enumerate(node.inputs):
                data = array(value) if index else None
                if data is not None:
                    cut = data.repeat(-(-block // even), axis=0)[: rows // even]
                    node.replace_input_with(index, constant(graph, f"{name_of(value)}.even", cut))
    _drop_unread(graph)
