"""Why a node cannot run on integers, or would gain nothing: sentences that a user reads."""

from __future__ import annotations

from collections.abc import Container

import onnx_ir as ir

from mcompile.graph import dims, integer, is_constant, name_of
from mcompile.quantize.edges import absorbed, handed_on, is_plain_gemm, read, sizes
from mcompile.types import Scheme

REQUESTED = "kept float by request"
_PRODUCTS = frozenset({"Gemm", "MatMul"})


def of_weighted(
    node: ir.Node, scheme: Scheme, observed: Container[str], kept: Container[ir.Node] = ()
) -> str:
    """Why a weighted op stays float; empty where it can be on integers.

    `observed` are the names of the tensors that have a range, `kept` the nodes that stay float.
    """
    if any(n in kept for n in (node, *absorbed(node, scheme))):
        return REQUESTED
    return (
        _of_weight(node)
        or _of_data(node, observed)
        or _of_sharing(node, scheme)
        or _of_output(node, scheme, observed)
        or _of_worth(node, scheme)
    )


def of_carried(node: ir.Node, scheme: Scheme, observed: Container[str]) -> str:
    """Why an op without a weight stays float in a runtime that would have it on integers."""
    for value in read(node):
        if is_constant(value):
            if value.dtype != ir.DataType.FLOAT:
                return f"its constant {name_of(value)} is not float32"
        elif name_of(value) not in observed:
            return f"its input {name_of(value)} was not observed"
    missing = [v for v in (handed_on(node, scheme), *node.outputs[1:]) if v.uses() and v.name]
    for value in missing:
        if name_of(value) not in observed and value.dtype in {None, ir.DataType.FLOAT}:
            return f"its output {name_of(value)} was not observed"
    return ""


def _of_weight(node: ir.Node) -> str:
    weight = node.inputs[1]
    if not is_constant(weight):
        return "its weight is computed, not constant"
    if weight is None or weight.dtype != ir.DataType.FLOAT:
        return "its weight is not float32"
    if node.op_type == "MatMul" and (weight.shape is None or weight.shape.rank() != 2):
        return "its weight is not a matrix"
    return ""


def _of_data(node: ir.Node, observed: Container[str]) -> str:
    return "" if name_of(node.inputs[0]) in observed else "its input was not observed"


def _of_sharing(node: ir.Node, scheme: Scheme) -> str:
    weight = node.inputs[1]
    users = weight.consumers() if weight is not None else ()
    same = _same_channels if scheme.integer_only else _same_use
    if any(n is not node and not same(n, node) for n in users):
        return "its weight is shared with another kind of op"
    if node.op_type == "Gemm" and not is_plain_gemm(node):
        return "alpha, beta or transA are not plain"
    return ""


def _of_output(node: ir.Node, scheme: Scheme, observed: Container[str]) -> str:
    if node.op_type not in scheme.closed:
        return ""
    out = handed_on(node, scheme)
    if not scheme.integer_only:
        leaves = out.is_graph_output() or name_of(out) not in observed
        return "its output leaves the graph" if leaves else ""
    if name_of(out) not in observed:
        return "its output was not observed"
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    if bias is not None and (not is_constant(bias) or len(sizes(bias)) != 1):
        return "its bias is not a constant for each channel"
    return ""


def _of_worth(node: ir.Node, scheme: Scheme) -> str:
    least = scheme.least_channels
    if node.op_type == "Conv" and least and _is_thin(node, least):
        return f"a convolution with fewer than {least} channels is no faster on integers"
    if node.op_type in _PRODUCTS and min(sizes(node.inputs[1]), default=least) < least:
        return f"a product by a weight thinner than {least} is no faster on integers"
    out = dims(node.outputs[0]) or ()
    is_vector = node.op_type in _PRODUCTS and len(out) < 3 and 1 in out
    if scheme.skips_vectors and is_vector:
        return "a product with one row or column is no faster on integers"
    return ""


def _is_thin(node: ir.Node, least: int) -> bool:
    """Model Optimizer's rule: thin layers pay where their channels come in eights."""
    outer, inner, *kernel = sizes(node.inputs[1])
    if min(outer, inner) >= least:
        return False
    if integer(node, "group", 1) > 1:
        return outer % 8 != 0 or min(kernel) < 3
    first = node.inputs[0] is not None and node.inputs[0].is_graph_input()
    pays = outer % 8 == 0 or inner % 8 == 0
    return not (pays and (first or max(outer, inner) >= least) and len(set(kernel)) == 1)


def _same_channels(one: ir.Node, other: ir.Node) -> bool:
    """Whether both read the same scales from the weight, whatever else they do with it."""
    get = (("group", 1), ("transB", 0))
    alike = all(integer(one, n, d) == integer(other, n, d) for n, d in get)
    return alike and one.op_type == other.op_type and one.inputs[1] is other.inputs[1]


def _same_use(one: ir.Node, other: ir.Node) -> bool:
    return one.op_type == other.op_type and one.attributes == other.attributes
