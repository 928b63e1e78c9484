"""The same graph without its Q/DQ pairs, for engines that are built from ranges alone."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir

from mcompile.graph import (
    array,
    constant,
    hindrance,
    integer,
    is_constant,
    load,
    name_of,
    owner,
    replace,
    save,
)
from mcompile.types import Array

_Q, _DQ = "QuantizeLinear", "DequantizeLinear"


def write_real(source: Path, path: Path) -> None:
    """Write to `path` what `source` computes without rounding to integers, weights as reals.

    Weights that lie in a file beside `source` stay there and are shared, unless they are integers.
    """
    program = load(source, path.stem)
    graph = program.graph.graph
    found = [n for n in graph.all_nodes() if n.op_type == _DQ]
    stored = any(is_constant(n.inputs[0]) for n in found)
    for node in found:
        _bypass(node)
    for node in [n for n in graph.all_nodes() if n.op_type == _Q and not n.outputs[0].uses()]:
        owner(node).remove(node, safe=True)
    for name in [n for n, v in graph.initializers.items() if not v.uses()]:
        del graph.initializers[name]
    if stored:
        save(program, path)
    else:
        ir.save(program.graph, path)  # a tensor of another file is written as a reference to it


def _bypass(node: ir.Node) -> None:
    """Let who reads the pair read what went into it, or the reals that its integers stand for."""
    value, real = node.inputs[0], node.outputs[0]
    maker = value.producer() if value is not None else None
    if maker is not None and maker.op_type == _Q:
        before = maker.inputs[0]
    else:
        reals = _reals(node)
        if reals is None:
            return  # integers that come from outside: nobody here knows the reals
        before = constant(owner(node), f"{name_of(value)}.real", reals)
    if before is None or hindrance(real, before):
        return  # an input that is handed out as an output, rounded: nothing is multiplied there
    replace(real, before)
    owner(node).remove(node, safe=True)


def _reals(node: ir.Node) -> Array | None:
    codes, scale = array(node.inputs[0]), array(node.inputs[1])
    if codes is None or scale is None:
        return None
    if scale.size > 1:
        shape = [1] * codes.ndim
        shape[integer(node, "axis", 1)] = -1
        scale = scale.reshape(shape)
    reals: Array = codes.astype(scale.dtype) * scale
    return reals
