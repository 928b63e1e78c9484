"""What became integers and at what price: the quantization tables of a report.

Scales are read from the Q/DQ pairs of the program that was written, so that the table shows what
the artifact holds, whoever made the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from mcompile.estimate.work import NodeWork
from mcompile.graph import array, name_of
from mcompile.measure.agreement import EXACT_DB
from mcompile.outcome import Form
from mcompile.quantize import Ranges
from mcompile.quantize.recipe import Chosen
from mcompile.quantize.saturation import saturated
from mcompile.record import AloneRow, QuantLayer, QuantRow, TriedRow
from mcompile.request import CALIBRATED
from mcompile.types import Program, QParams, Scheme

_PAIR = {"QuantizeLinear", "DequantizeLinear"}


@dataclass(frozen=True)
class Found:
    """What a build knows of the layers of one form, by the values that they make."""

    ranges: Ranges
    drift: Mapping[str, float]
    jump: str
    work: Mapping[str, NodeWork]


def tensors(form: Form, ranges: Ranges) -> tuple[QuantRow, ...]:
    """Every tensor of the plan, with its largest scale and what was observed of it."""
    if form.plan is None:
        return ()
    made = []
    for name, params in form.plan.tensors.items():
        held = ranges.get(name)
        made.append(
            QuantRow(
                name, params.dtype, float(np.max(params.scale)), int(np.max(params.zero_point)),
                int(np.size(params.scale)), held.low if held else None, held.high if held else None,
            )
        )  # fmt: skip
    return tuple(made)


def layers(form: Form, scheme: Scheme, found: Found) -> tuple[QuantLayer, ...]:
    """The layers that the scheme has integers for, in the order of execution.

    What the plan left float is listed with its reason, and so is the op at which the error jumps.
    """
    if form.plan is None or form.precision not in CALIBRATED:
        return ()
    left = form.plan.left_float
    return tuple(
        _layer(node, left.get(name_of(node.outputs[0]), ""), found)
        for node in form.program.graph.graph
        if node.op_type not in _PAIR and _is_listed(node, scheme, found.jump, left)
    )


def alone(form: Form, work: Mapping[str, NodeWork]) -> tuple[AloneRow, ...]:
    """The noise that each layer makes alone, the noisiest first, with what it computes."""
    rows = sorted(form.alone, key=lambda r: r.sqnr_db)
    return tuple(replace(r, macs_m=_macs(work.get(r.layer))) for r in rows)


def tried(chosen: Chosen) -> tuple[TriedRow, ...]:
    """Every file that was measured on the way to the plan, in the order it was tried."""
    return tuple(
        TriedRow(t.how, t.kept, t.score.sqnr_db, t.score.latency_ms, k == chosen.taken)
        for k, t in enumerate(chosen.tried)
    )


def changed(chosen: Chosen, program: Program) -> str:
    """How the program was changed before the plan was made, '' where it was not."""
    return "" if chosen.recipe.program is program else chosen.best.how


def noises(noise: Mapping[str, float], program: Program) -> tuple[AloneRow, ...]:
    """The noise of each layer alone; a layer that was not reached, or made none, is left out."""
    ops = {v.name: n.op_type for n in program.graph.graph for v in n.outputs}
    return tuple(AloneRow(n, ops.get(n, ""), db) for n, db in noise.items() if db < EXACT_DB)


def by_value(form: Form, work: Iterable[NodeWork]) -> dict[str, NodeWork]:
    """The work of each node by the name of the value that it makes first."""
    named = {w.name: w for w in work}
    nodes = (n for n in form.program.graph.graph if n.outputs and n.name in named)
    return {name_of(n.outputs[0]): named[str(n.name)] for n in nodes}


def _is_listed(node: ir.Node, scheme: Scheme, jump: str, left: Mapping[str, str]) -> bool:
    names = {v.name for v in node.outputs}
    if names & {*left} or jump in names:
        return True
    if node.domain or node.op_type not in scheme.weighted | scheme.carried:
        return False
    return node.op_type in scheme.weighted or _params(node.inputs[0]) is not None


def _layer(node: ir.Node, why: str, found: Found) -> QuantLayer:
    name, source = _called(node.outputs[0]), _source(node.inputs[0])
    sqnr = found.drift.get(name)
    before = [db for n in _read(node) if (db := found.drift.get(n, EXACT_DB)) < EXACT_DB]
    row = QuantLayer(
        layer=name,
        op=node.op_type,
        reads=source,
        sqnr_db=sqnr,
        step_db=sqnr - min(before) if before and sqnr is not None else None,
        macs_m=_macs(found.work.get(name)),
        jump=found.jump in {v.name for v in node.outputs},
        left_float=why,
    )
    held = found.ranges.get(source)
    if held is not None:
        row = replace(row, low=held.low, high=held.high)
    return row if why else _with_integers(row, node, found)


def _called(value: ir.Value) -> str:
    """The value's name; where its codes leave the graph in its place, they have taken it along."""
    for pair in (n for n in value.consumers() if n.op_type == "QuantizeLinear"):
        for real in (n for n in pair.outputs[0].consumers() if n.op_type == "DequantizeLinear"):
            if real.outputs[0].is_graph_output():
                return name_of(real.outputs[0])
    return name_of(value)


def _with_integers(row: QuantLayer, node: ir.Node, found: Found) -> QuantLayer:
    data, held = _params(node.inputs[0]), found.ranges.get(row.reads)
    if data is not None:
        # One scale may be spelled once for each channel, for the sake of a runtime.
        row = replace(
            row,
            dtype=data.dtype,
            scale=float(np.max(data.scale)),
            zero_point=int(np.max(data.zero_point)),
            saturated=saturated(held, data) if held is not None else None,
        )
    weight = _params(node.inputs[1]) if len(node.inputs) > 1 else None
    if weight is None or _source(node.inputs[1]):
        return row
    return replace(
        row,
        channels=int(np.size(weight.scale)),
        weight_scale_max=float(np.max(weight.scale)),
        weight_scale_min=float(np.min(weight.scale)),
    )


def _params(value: ir.Value | None) -> QParams | None:
    """The scale and zero point through which a value is read, None where it is a float."""
    node = value.producer() if value is not None else None
    if node is None or node.op_type != "DequantizeLinear":
        return None
    scale = array(node.inputs[1])
    zero = array(node.inputs[2]) if len(node.inputs) > 2 else None
    if scale is None or zero is None:
        return None
    return QParams(scale, zero, str(zero.dtype))


def _source(value: ir.Value | None) -> str:
    """The float value behind a Q/DQ pair; '' where constants are behind it, or nothing is."""
    while value is not None and (node := value.producer()) and node.op_type in _PAIR:
        value = node.inputs[0]
    return value.name or "" if value is not None and value.const_value is None else ""


def _read(node: ir.Node) -> Iterator[str]:
    yield from filter(None, map(_source, node.inputs))


def _macs(work: NodeWork | None) -> float | None:
    return work.macs / 1e6 if work is not None and work.macs is not None else None
