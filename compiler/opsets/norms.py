"""Layer, RMS and group norms written in ops of operator set 13, as function text.

    d = x - mean(x)      y = d / sqrt(mean(d * d) + eps) * scale + bias

The bodies of the standard compute the variance as the difference of two means, which loses digits
where the mean is large, or their axes while the model runs, which older sets do not take. Floats
of 16 bits are widened until the division is done, as the standard asks (`stash_type`).
"""

from __future__ import annotations

import onnx_ir as ir

from mcompile import graph
from mcompile.opsets import surgery

_NARROW = {ir.DataType.FLOAT16, ir.DataType.BFLOAT16}
_WIDE = {ir.DataType.FLOAT, ir.DataType.DOUBLE}


def written(node: ir.Node, version: int) -> str:
    """The text of a function `Body` that is the node of that operator set, or nothing."""
    value = node.inputs[0] if node.inputs else None
    if value is None or value.dtype is None or value.dtype not in _NARROW | _WIDE:
        return ""
    if node.op_type in {"LayerNormalization", "RMSNormalization"}:
        return _over_axes(node, value)
    if node.op_type == "GroupNormalization" and value.dtype in _WIDE:
        return _over_groups(node, value, version)
    return ""


def _over_axes(node: ir.Node, value: ir.Value) -> str:
    axis, rank = graph.integer(node, "axis", -1), surgery.rank(value)
    if axis >= 0 and rank is None:
        return ""
    first = axis - (rank or 0) if axis >= 0 else axis
    axes = ", ".join(str(a) for a in range(first, 0))
    centred = node.op_type == "LayerNormalization"
    shifted = surgery.source(node, 2) is not None
    lines = [_epsilon(node, value), _cast("wide", "x", value, widen=True)]
    if centred:
        lines += [f"mean = ReduceMean <axes = [{axes}]> (wide)", "d = Sub(wide, mean)"]
    else:
        lines += ["d = Identity(wide)"]
    lines += [
        "square = Mul(d, d)",
        f"variance = ReduceMean <axes = [{axes}]> (square)",
        "raised = Add(variance, epsilon)",
        "deviation = Sqrt(raised)",
        "divided = Div(d, deviation)",
        _cast("normal", "divided", value, widen=False),
        f"{'scaled' if shifted else 'y'} = Mul(normal, scale)",
        *(["y = Add(scaled, bias)"] if shifted else []),
    ]
    inputs = "x, scale, bias" if shifted else "x, scale"
    return _function(inputs, lines)


def _over_groups(node: ir.Node, value: ir.Value, version: int) -> str:
    """Groups are the channels of an InstanceNormalization; up to 20 they have the scales."""
    groups, rank = graph.integer(node, "num_groups", 1), surgery.rank(value)
    if rank is None:
        return ""
    per_channel = version >= 21
    epsilon = node.attributes.get_float("epsilon", 1e-5)
    to = value.dtype.value if value.dtype is not None else 1
    lines = [
        "shape = Shape(x)",
        f"grouped = Constant <value_ints = [0, {groups}, -1]> ()",
        "g = Reshape(x, grouped)",
    ]
    weights = "scale, bias"
    if per_channel:
        for name, number in (("ones", "1.0"), ("zeros", "0.0")):
            numbers = ", ".join([number] * groups)
            lines += [f"{name}_f = Constant <value_floats = [{numbers}]> ()"]
            lines += [f"{name} = Cast <to = {to}> ({name}_f)"]
        weights = "ones, zeros"
    lines += [f"n = InstanceNormalization <epsilon = {epsilon!r}> (g, {weights})"]
    if not per_channel:
        return _function("x, scale, bias", [*lines, "y = Reshape(n, shape)"])
    column = ", ".join(["1", "-1", *["1"] * (rank - 2)])
    return _function(
        "x, scale, bias",
        [
            *lines,
            "back = Reshape(n, shape)",
            f"column = Constant <value_ints = [{column}]> ()",
            "scales = Reshape(scale, column)",
            "biases = Reshape(bias, column)",
            "scaled = Mul(back, scales)",
            "y = Add(scaled, biases)",
        ],
    )


def _function(inputs: str, lines: list[str]) -> str:
    return f"Body ({inputs}) => (y) {{ {chr(10).join(lines)} }}"


def _epsilon(node: ir.Node, value: ir.Value) -> str:
    given = node.attributes.get_float("epsilon", 1e-5)
    kind = "double" if value.dtype == ir.DataType.DOUBLE else "float"
    return f"epsilon = Constant <value = {kind} {{{given!r}}}> ()"


def _cast(made: str, given: str, value: ir.Value, *, widen: bool) -> str:
    if value.dtype not in _NARROW:
        return f"{made} = Identity({given})"
    to = ir.DataType.FLOAT if widen or value.dtype is None else value.dtype
    return f"{made} = Cast <to = {to.value}> ({given})"
