"""What arithmetic in 16 bits gives, computed on a machine that has none.

    y = op(x)   becomes   y = half(op(float(x)))

A runtime without kernels for the type (ONNX Runtime on CPUs) does as much, but then drops the
roundings between ops, and so flatters the program. Here each value is rounded by Casts of its own.
Sums inside of an op are taken in float32, as tensor cores and most kernels take them.
"""

from __future__ import annotations

import onnx_ir as ir

from mcompile import graph
from mcompile.quantize.retype import stored
from mcompile.quantize.slots import STANDARD
from mcompile.types import Program

_NATIVE = {"Cast", "If", "Loop", "Scan", "ConstantOfShape"}


def simulated(program: Program, half: ir.DataType) -> tuple[Program, dict[str, str]]:
    """A copy whose ops compute in float32 on rounded values.

    With it, where a 16-bit value's float32 form before rounding is: its name there.
    """
    target = graph.clone(program)
    model = target.graph
    raw: dict[str, str] = {}
    with graph.naming(model):
        for each in (model.graph, *model.graph.subgraphs()):
            for value in each.initializers.values():
                _widen(value, half)
        for node in list(model.graph.all_nodes()):
            if node.op_type not in _NATIVE and node.domain in STANDARD:
                _wrap(node, half, raw)
    return graph.program(program.name, model), raw


def _widen(value: ir.Value, half: ir.DataType) -> None:
    if value.dtype == half and value.const_value is not None and graph.is_constant(value):
        value.const_value = stored(value.const_value, ir.DataType.FLOAT)
        value.type = ir.TensorType(ir.DataType.FLOAT)


def _wrap(node: ir.Node, half: ir.DataType, raw: dict[str, str]) -> None:
    home = graph.owner(node)
    for index, value in enumerate(node.inputs):
        if value is not None and value.dtype == half:
            cast = _cast(home, value, ir.DataType.FLOAT)
            home.insert_before(node, cast)
            node.replace_input_with(index, cast.outputs[0])
    for value in node.outputs:
        if value.dtype == half:
            _round(home, node, value, raw)


def _round(home: ir.Graph, node: ir.Node, value: ir.Value, raw: dict[str, str]) -> None:
    """Let the node make a float32 value, from which a Cast makes the one that was there."""
    name, half = graph.name_of(value), value.dtype
    if half is None:
        return
    cast = _cast(home, value, half)
    rounded = cast.outputs[0]
    home.insert_after(node, cast)
    ir.convenience.replace_all_uses_with(value, rounded, replace_graph_outputs=True)
    cast.replace_input_with(0, value)
    value.type = ir.TensorType(ir.DataType.FLOAT)
    value.name, rounded.name = rounded.name, name
    raw[name] = graph.name_of(value)


def _cast(home: ir.Graph, value: ir.Value, dtype: ir.DataType) -> ir.Node:
    name = graph.fresh(home, f"{value.name}.{dtype.name.lower()}")
    node = ir.node("Cast", [value], {"to": int(dtype)}, name=name)
    made = node.outputs[0]
    made.name, made.type, made.shape = name, ir.TensorType(dtype), value.shape
    return node
