"""Whether a plan's integers are those that the runtime's kernels take.

Of weights they are checked as they are stored. Where a kernel sums two adjacent u8*s8 products in
a saturating int16, 255 * P must not exceed 32767 for the same-sign part P of any two neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import onnx_ir as ir

from mcompile.errors import UsageError
from mcompile.graph import array, name_of, values
from mcompile.quantize.edges import is_layer
from mcompile.quantize.weights import encode, scales
from mcompile.types import Program, QParams, QuantPlan, Scheme

_MOST = 128
_LEVEL = scales(
    ir.node("Gemm", [], {"transB": 1}),
    np.asarray([[_MOST / 2, _MOST / 2]], np.float32),
    Scheme("uint8", "int8", pair_saturates=True),
).scale[0]
"""The scale that a channel needs whose largest pair adds up to that many."""


def demand(plan: QuantPlan, program: Program, scheme: Scheme, source: str) -> None:
    """Return when the scheme's kernels take the plan's integers; raises `UsageError` otherwise."""
    nodes = list(_weighted(program, scheme))
    weights = {name_of(n.inputs[1]): n for n in nodes}
    known = {name_of(v): v for v in values(program.graph.graph) if v.name}
    for name, params in plan.tensors.items():
        if name not in weights or known[name].const_value is None:
            _demand_activation(name, params, scheme, source)
        else:
            _demand_weight(weights[name], params, scheme, source)
    if scheme.pair_saturates:
        for node in nodes:
            if name_of(node.outputs[0]) not in plan.left_float:
                _demand_pairs(node, plan, scheme, source)


def _weighted(program: Program, scheme: Scheme) -> Iterator[ir.Node]:
    for node in program.graph.graph:
        if is_layer(node, scheme):
            yield node


def _demand_activation(name: str, params: QParams, scheme: Scheme, source: str) -> None:
    if params.dtype != scheme.activations:
        raise _refusal(f"{name} is {params.dtype}", f"takes {scheme.activations}", source)
    if params.axis is not None:
        raise _refusal(f"{name} has a scale a channel", "takes one scale a tensor", source)
    if scheme.symmetric_activations and np.any(params.zero_point):
        raise _refusal(f"{name} has a zero point", "takes none", source)


def _demand_weight(node: ir.Node, params: QParams, scheme: Scheme, source: str) -> None:
    weight = node.inputs[1]
    name, shape = name_of(weight), weight.shape if weight is not None else None
    if params.dtype != scheme.weights:
        raise _refusal(f"{name} is {params.dtype}", f"takes {scheme.weights} weights", source)
    if np.any(params.zero_point):
        raise _refusal(f"{name} has a zero point", "takes none of a weight", source)
    if params.axis is None or shape is None:
        return
    axis = scales(node, np.zeros([1] * shape.rank(), np.float32), scheme).axis
    if params.axis != axis:
        takes = "one scale a weight" if axis is None else f"those along axis {axis}"
        raise _refusal(f"{name} has scales along axis {params.axis}", f"takes {takes}", source)


def _demand_pairs(node: ir.Node, plan: QuantPlan, scheme: Scheme, source: str) -> None:
    """The scale that the codes themselves would need tells of the largest pair in each channel."""
    name, data = name_of(node.inputs[1]), array(node.inputs[1])
    params = plan.tensors.get(name)
    if params is None or data is None or name_of(node.inputs[0]) not in plan.tensors:
        return
    codes = plan.codes[name] if name in plan.codes else encode(data, params)
    every = replace(scheme, per_channel=True, single=frozenset())
    needed = scales(node, codes.astype(np.float32), every).scale / _LEVEL * _MOST
    found = np.floor(needed + 0.25)  # -128 beside a zero needs 128.5, and does not overflow
    if found.max(initial=0.0) > _MOST:
        worst = int(found.argmax())
        raise UsageError(
            f"two neighbours in channel {worst} of {name} add up to {int(found[worst])} integers, "
            f"and the target's kernels overflow above {_MOST}",
            where=f"{source}, {name}",
            fix="build for this target without --plan",
        )


def _refusal(what: str, takes: str, source: str) -> UsageError:
    return UsageError(
        f"{what}, and the target's runtime {takes}",
        where=source,
        fix="a plan that was written for this model and target",
    )
