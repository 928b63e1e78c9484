"""Changes a program again as it was changed before its plan was made, step by step.

Whatever the divisors are, the program computes the same: what layers make is divided, and what
reads it multiplied by as much. So the steps of a plan are held against the program's shapes alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from mcompile.errors import UsageError
from mcompile.graph import name_of, values
from mcompile.quantize.lanes import Lanes, lanes
from mcompile.quantize.ranges import Ranges
from mcompile.quantize.restated import restated
from mcompile.quantize.scaling import Scaling, channel_axis, root_of
from mcompile.quantize.smooth import linear
from mcompile.types import Changed, Divided, Feeds, Program


def replayed(
    source: Program,
    ranges: Ranges,
    changed: Changed | None,
    feeds: Sequence[Feeds] = (),
    *,
    where: str = "the plan",
    threads: int | None = None,
) -> tuple[Program, Ranges]:
    """The program with its channels divided as they were, and its ranges.

    Both are those given where nothing was changed. Raises `UsageError`, naming `where`, for steps
    that this program cannot take.
    """
    if changed is None:
        return source, ranges
    scaling = Scaling(source)
    found = {root_of(g): g for g in lanes(scaling.graph)}
    known = {name_of(v): v for v in values(scaling.graph) if v.name}
    for step in changed.steps:
        if step.readers:
            _insert(scaling, step, known, where)
        else:
            _divide(scaling, step, found, where)
    return scaling.written(), restated(source, ranges, scaling.factors, feeds, threads)


def _divide(scaling: Scaling, step: Divided, found: Mapping[str, Lanes], where: str) -> None:
    each = found.get(step.value)
    if each is None:
        raise _refusal(f"{step.value} makes no channels that can be divided", where)
    if each.count != step.by.size:
        raise _refusal(f"{step.value} has {each.count} channels, not {step.by.size}", where)
    if (step.by[~each.free] != 1.0).any():
        raise _refusal(f"channels of {step.value} are divided that cannot be", where)
    scaling.divide(each, step.by)


def _insert(scaling: Scaling, step: Divided, known: Mapping[str, ir.Value], where: str) -> None:
    value = known.get(step.value)
    able = {name_of(n.outputs[0]): n for n in linear(value)} if value is not None else {}
    missing = [name for name in step.readers if name not in able]
    if value is None or value.shape is None or missing:
        raise _refusal(f"{step.value} is not read by a linear layer {missing[0]}", where)
    readers = [able[name] for name in step.readers]
    axes = {channel_axis([r]) % value.shape.rank() for r in readers}
    sizes = {value.shape[axis] for axis in axes}
    if len(axes) > 1 or sizes != {step.by.size}:
        raise _refusal(f"{step.value} does not have {step.by.size} channels", where)
    scaling.insert(value, np.asarray(step.by), readers)


def _refusal(what: str, where: str) -> UsageError:
    return UsageError(
        f"this plan changes another model: {what}",
        where=where,
        fix="leave out --plan: the model is then changed and planned as suits it",
    )
