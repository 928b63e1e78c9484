"""A Minimum and a Maximum with constants become one Clamp, which a kernel takes in.

    Minimum(Maximum(x, l), h)   becomes   Clamp <l, h> (x)        l <= h, one number each

The converter writes Clip so. Left as it is: with more than one number, with l > h, of integers, and
where another reads what is between.
"""

from __future__ import annotations

import numpy as np
from openvino import opset13

from mcompile.backends.openvino.constants import data, readers, redirect
from mcompile.backends.openvino.vendor import ov


def join(model: ov.Model) -> None:
    """Write each such pair as a Clamp, in place."""
    for node in model.get_ordered_ops():
        upper = _bounded(node, "Minimum")
        inner = upper[0].get_node() if upper else None
        lower = _bounded(inner, "Maximum") if inner is not None else None
        if upper is None or lower is None or inner is None or len(readers(inner.output(0))) != 1:
            continue
        if lower[1] <= upper[1]:
            made = opset13.clamp(lower[0], lower[1], upper[1])
            made.set_friendly_name(node.get_friendly_name())
            redirect(node.output(0), made.output(0))


def _bounded(node: ov.Node, op: str) -> tuple[ov.Output, float] | None:
    """What an op of that type reads beside one constant float, and that number."""
    if node.get_type_name() != op or node.get_output_element_type(0) != ov.Type.f32:
        return None
    for index in (0, 1):
        value, bound = node.input_value(1 - index), data(node.input_value(index))
        if bound is None or bound.size != 1 or np.isnan(bound).any():
            continue
        if value.get_partial_shape() == node.get_output_partial_shape(0):
            return value, float(bound.reshape(-1)[0])
    return None
