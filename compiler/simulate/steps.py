"""Finds what is computed on integers: DQ -> op -> Relu or Clip -> Q, whatever stands in between.

A `Step` reads codes and makes codes; the Q/DQ pairs around it are never computed. Where the scheme
lets a weighted op hand on floats, a step without a Q behind it makes a float tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from mcompile.graph import array, name_of, sole_user
from mcompile.simulate.coded import params_of
from mcompile.simulate.requantize import Exit
from mcompile.types import Array, QParams, Scheme

_STANDARD = {"", "ai.onnx"}
_BIASED = {"Conv", "ConvTranspose", "Gemm"}


@dataclass(frozen=True)
class Operand:
    """What a step reads: a value of the program, or a constant; without `params` it is real."""

    name: str
    constant: Array | None
    params: QParams | None


@dataclass(frozen=True)
class Step:
    """One integer kernel; `gone` are the values that only it would have seen."""

    node: ir.Node
    reads: tuple[Operand, ...]
    makes: str
    out: Exit
    gone: tuple[str, ...] = ()


def steps(
    graph: ir.Graph, ops: frozenset[str], scheme: Scheme, takes: Callable[[Step], bool]
) -> Iterator[Step]:
    """Every step of the graph over these ops, in the order of the graph.

    `takes` says whether a kernel can compute it. A Q that ends a step is no step of its own.
    """
    ended: set[str] = set()
    for node in graph:
        if node.domain in _STANDARD and node.op_type in ops:
            found = _step(node, scheme)
            if found is not None and found.makes not in ended and takes(found):
                ended.add(found.makes)
                yield found


def _entry(node: ir.Node) -> Step | None:
    """A Q of its own: real numbers, or codes of another scale, become codes."""
    params, value = params_of(node), node.inputs[0]
    if params is None or params.axis is not None or value is None or array(value) is not None:
        return None
    read = coded(value) or Operand(name_of(value), None, None)
    return Step(node, (read,), name_of(node.outputs[0]), Exit(params))


def _step(node: ir.Node, scheme: Scheme) -> Step | None:
    if node.op_type == "QuantizeLinear":
        return _entry(node)
    reads = _operands(node)
    if reads is None:
        return None
    leads = _exit(node.outputs[0])
    if leads is not None:
        made, out, gone = leads
        return Step(node, reads, name_of(made), out, gone)
    if node.op_type in scheme.weighted - scheme.closed:
        return Step(node, reads, name_of(node.outputs[0]), Exit(None))
    return None


def _operands(node: ir.Node) -> tuple[Operand, ...] | None:
    """The operands, all of codes but a bias; None where one of them is something else."""
    count = 2 if node.op_type in _BIASED else len(node.inputs)
    count = 1 if node.op_type in {"ReduceMean", "Resize"} else count
    reads = [coded(v) for v in node.inputs[:count]]
    bias = node.inputs[2] if node.op_type in _BIASED and len(node.inputs) > 2 else None
    if bias is not None:
        data = array(bias)
        real = None if data is None else Operand(name_of(bias), data, None)
        reads.append(coded(bias) or real)
    return None if None in reads else tuple(r for r in reads if r is not None)


def coded(value: ir.Value | None) -> Operand | None:
    """The codes that the value is the real form of."""
    node = value.producer() if value is not None else None
    if node is None or node.op_type != "DequantizeLinear" or node.domain not in _STANDARD:
        return None
    params, codes = params_of(node), node.inputs[0]
    if params is None or codes is None:
        return None
    return Operand(name_of(codes), array(codes), params)


def _exit(value: ir.Value) -> tuple[ir.Value, Exit, tuple[str, ...]] | None:
    """The codes that the value becomes, and the ends it is held within on the way."""
    out, gone = Exit(None), [name_of(value)]
    user = sole_user(value)
    while user is not None and user.op_type in {"Relu", "Clip"}:
        ends = _ends(user)
        if ends is None or user.inputs[0] is not value:
            return None
        out = replace(out, low=float(np.clip(out.low, *ends)), high=float(np.clip(out.high, *ends)))
        value = user.outputs[0]
        gone.append(name_of(value))
        user = sole_user(value)
    if user is None or user.op_type != "QuantizeLinear" or user.inputs[0] is not value:
        return None
    params = params_of(user)
    if params is None or params.axis is not None or user.domain not in _STANDARD:
        return None
    return user.outputs[0], replace(out, params=params), tuple(gone)


def _ends(node: ir.Node) -> tuple[float, float] | None:
    """What a Relu or Clip holds numbers within, where that is constant."""
    if node.op_type == "Relu":
        return 0.0, np.inf
    ends = [-np.inf, np.inf]
    for place, name in enumerate(("min", "max")):
        if name in node.attributes:
            ends[place] = node.attributes.get_float(name, 0.0)
        given = node.inputs[place + 1] if len(node.inputs) > place + 1 else None
        if given is not None:
            bound = array(given)
            if bound is None:
                return None
            ends[place] = float(bound.reshape(-1)[0])
    return ends[0], ends[1]
