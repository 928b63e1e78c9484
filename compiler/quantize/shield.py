"""Keeps a float layer between integer ones float.

    q -> DequantizeLinear(scale) -> Conv(float weight) -> [Relu, Clip] -> QuantizeLinear

ONNX Runtime takes that for a layer whose weight somebody forgot, and quantizes it itself, with one
scale for all channels (`weight_bias_quantization.cc`): a net fell from 24.8 to 5.3 dB. It does so
where the scale is a scalar. The float layer therefore reads through a DequantizeLinear of its own
that says the same scale once for each channel: no op more, and no digit less.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile.graph import array, constant, fresh, integer, is_constant, name_of, sole_user

_TAKEN = {"Conv", "ConvTranspose", "Gemm"}
_PASSED = {"Relu", "Clip"}


def shield(graph: ir.Graph) -> int:
    """Guard every float layer that needs it; how many there were. Needs operator set 13."""
    exposed = [n for n in graph if _is_exposed(n)]
    for node in exposed:
        _guard(graph, node)
    return len(exposed)


def _is_exposed(node: ir.Node) -> bool:
    if node.op_type not in _TAKEN or node.domain or not is_constant(node.inputs[1]):
        return False
    if _dequantizer(node) is None:
        return False
    reader = sole_user(node.outputs[0])
    while reader is not None and reader.op_type in _PASSED:
        reader = sole_user(reader.outputs[0])
    return reader is not None and reader.op_type == "QuantizeLinear"


def _dequantizer(node: ir.Node) -> ir.Node | None:
    """What the node reads its data through, where that has one scale for all channels."""
    maker = node.inputs[0].producer() if node.inputs[0] is not None else None
    if maker is None or maker.op_type != "DequantizeLinear" or len(maker.inputs) < 3:
        return None
    scale = array(maker.inputs[1])
    return maker if scale is not None and scale.ndim == 0 else None


def _guard(graph: ir.Graph, node: ir.Node) -> None:
    pair = _dequantizer(node)
    if pair is None:
        return
    scale, zero = array(pair.inputs[1]), array(pair.inputs[2])
    if scale is None or zero is None:
        return
    channels, old = _channels(node), pair.outputs[0]
    stem = fresh(graph, f"{name_of(old)}.by_channel")
    own = [
        constant(graph, f"{stem}.scale", np.full(channels, scale)),
        constant(graph, f"{stem}.zero_point", np.full(channels, zero)),
    ]
    read = ir.node("DequantizeLinear", [pair.inputs[0], *own], {"axis": 1}, name=stem)
    real = read.outputs[0]
    real.name, real.type, real.shape = stem, old.type, old.shape
    graph.insert_before(node, read)
    node.replace_input_with(0, real)
    if not old.uses() and not old.is_graph_output():
        graph.remove(pair, safe=True)


def _channels(node: ir.Node) -> int:
    """The size of the second axis of what the layer reads."""
    weight = node.inputs[1]
    sizes = weight.const_value.shape.numpy() if weight is not None and weight.const_value else ()
    if node.op_type == "Conv":
        return int(sizes[1]) * integer(node, "group", 1)
    if node.op_type == "Gemm":
        return int(sizes[1 if integer(node, "transB", 0) else 0])
    return int(sizes[0])
