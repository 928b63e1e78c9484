"""Whether a plan that somebody wrote fits the program, and the runtime that it is built for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import onnx_ir as ir

from mcompile.errors import UsageError
from mcompile.graph import name_of, sizes, values
from mcompile.quantize import plankind
from mcompile.quantize.biases import outlet
from mcompile.types import Array, Program, QParams, QuantPlan, Scheme
from mcompile.wording import nearest

_AGAIN = "a plan that was written for this model and target"


def demand(
    plan: QuantPlan, program: Program, source: str = "the plan", scheme: Scheme | None = None
) -> None:
    """Return when the plan speaks of tensors of this program alone, and fits their shapes.

    Its integers are of the scheme's kind too, where one is given. Raises `UsageError`, with the
    nearest name for a tensor that the program does not have.
    """
    known = {name_of(v): v for v in values(program.graph.graph) if v.name}
    for name in (*plan.tensors, *plan.left_float, *plan.shifts, *plan.codes):
        if name not in known:
            raise _no_tensor(name, known, program, source)
    _demand_layers(plan, program, source)
    for name, params in plan.tensors.items():
        _demand_channels(known[name], params, source)
    for name, codes in plan.codes.items():
        _demand_codes(known[name], codes, plan.tensors.get(name), source)
    if scheme is not None:
        plankind.demand(plan, program, scheme, source)


def without_float(plan: QuantPlan, program: Program) -> QuantPlan:
    """The plan without the codes of weights that layers left float alone read."""
    readers: dict[str, set[str]] = {}
    for node in program.graph.graph:
        if (
            len(node.inputs) > 1
            and node.inputs[1] is not None
            and node.inputs[1].name in plan.codes
        ):
            readers.setdefault(name_of(node.inputs[1]), set()).add(name_of(node.outputs[0]))
    idle = {n for n, names in readers.items() if names <= {*plan.left_float}}
    return replace(plan, codes={n: c for n, c in plan.codes.items() if n not in idle})


def refusal(what: str, source: str, fix: str = "the numbers that the build wrote") -> UsageError:
    """What is wrong with a plan, in three lines."""
    return UsageError(what, where=source, fix=fix)


def _no_tensor(name: str, known: Iterable[str], program: Program, source: str) -> UsageError:
    near = nearest(name, known)
    near = near if len(near) <= 200 else _AGAIN
    return UsageError(f"{program.name} has no tensor {name}", where=f"{source}, {name}", fix=near)


def _demand_channels(value: ir.Value, params: QParams, source: str) -> None:
    name, shape = name_of(value), value.shape
    if params.axis is None or shape is None:
        return
    if not -shape.rank() <= params.axis < shape.rank():
        raise refusal(f"{name} has {shape.rank()} axes, and no axis {params.axis}", source)
    size = shape[params.axis]
    if isinstance(size, int) and size != params.scale.size:
        raise refusal(f"{name} has {size} channels and {params.scale.size} scales", source)


def _demand_layers(plan: QuantPlan, program: Program, source: str) -> None:
    """What is left float is made by a layer, and what has a bias shifted by one that has a bias."""
    nodes = list(program.graph.graph)
    made = {name_of(n.outputs[0]): n for n in nodes if n.outputs and n.outputs[0].name}
    biased = {name_of(v): n for n in nodes if n.outputs and (v := outlet(n)) is not None}
    for table, able in ((plan.left_float, made), (plan.shifts, biased)):
        for name in table:
            if name not in able:
                near = nearest(name, able)
                said = "has a bias that goes into it" if able is biased else "makes it"
                raise refusal(
                    f"{name} is a tensor, and no layer {said}",
                    f"{source}, {name}",
                    near if len(near) <= 200 else "the output of a layer",
                )
    for name, shift in plan.shifts.items():
        _demand_shift(biased[name], shift, source)


def _demand_shift(node: ir.Node, shift: Array, source: str) -> None:
    """Channels are the second axis of a convolution's output, the last of any other's."""
    value = outlet(node)
    if value is None or value.shape is None or value.shape.rank() < 2:
        return
    size = value.shape[1 if node.op_type == "Conv" else -1]
    if isinstance(size, int) and shift.size != size:
        raise refusal(f"{shift.size} numbers are added to the channels of {value.name}", source)


def _demand_codes(value: ir.Value, codes: Array, params: QParams | None, source: str) -> None:
    name, tensor = name_of(value), value.const_value
    if params is None or tensor is None:
        raise refusal(f"there are codes for {name}, which is no weight with a scale", source)
    if codes.shape != tuple(sizes(tensor)):
        shapes = " and ".join("x".join(map(str, s)) for s in (sizes(tensor), codes.shape))
        raise refusal(f"{name} and its codes are of different shapes: {shapes}", source)
    if str(codes.dtype) != params.dtype:
        said = f"the codes of {name} are {codes.dtype}, its scale is for {params.dtype}"
        raise refusal(said, source)
