"""Whether a plan that somebody wrote fits the program, and the runtime that it is built for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx_ir as ir

from mcompile.errors import UsageError
from mcompile.graph import name_of, sizes, values
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
    for name, shift in plan.shifts.items():
        _demand_shift(known[name], shift, source)
    for name, params in plan.tensors.items():
        _demand_channels(known[name], params, source)
    for name, codes in plan.codes.items():
        _demand_codes(known[name], codes, plan.tensors.get(name), source)
    if scheme is not None:
        _demand_kind(plan, known, scheme, source)


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


def _demand_shift(value: ir.Value, shift: Array, source: str) -> None:
    """Channels are the second axis of a convolution's output, the last of any other's."""
    ranked = value.shape is not None and value.shape.rank() > 1
    found = [value.shape[axis] for axis in (1, -1)] if ranked and value.shape else []
    if found and all(isinstance(size, int) for size in found) and shift.size not in found:
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


def _demand_kind(
    plan: QuantPlan, known: Mapping[str, ir.Value], scheme: Scheme, source: str
) -> None:
    """A runtime's kernels take integers of one kind: a plan for another one's is slow or wrong."""
    data = {n: p for n, p in plan.tensors.items() if known[n].const_value is None}
    kinds = {p.dtype for p in data.values()}
    if kinds and scheme.activations not in kinds:
        said = f"the plan's activations are {' and '.join(sorted(kinds))}"
        said += f", and the target's runtime takes {scheme.activations}"
        raise refusal(said, source, _AGAIN)
    for name, params in data.items():
        if scheme.symmetric_activations and np.any(params.zero_point):
            said = f"{name} has a zero point, and the target's runtime takes none"
            raise refusal(said, source, _AGAIN)
