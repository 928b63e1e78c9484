"""The middle end: rules in their phases, each phase held against the program as it came."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from mcompile import graph, registry, rules, verify
from mcompile.errors import UsageError
from mcompile.opsets import raised
from mcompile.record import Log, Undone
from mcompile.reference import reference
from mcompile.types import Feeds, Program
from mcompile.wording import nearest


def optimize(
    program: Program,
    skip: Sequence[str] = (),
    feeds: Sequence[Feeds] = (),
    seed: int = 0,
    *,
    runtime: str = "onnxruntime",
) -> tuple[Program, Log]:
    """An equal and better program, and what the rules did; the given one is left as it was.

    Each phase is held against the given program on seeded inputs and on `feeds`. Rules that pay
    on other runtimes than `runtime` alone are left out.
    """
    known = registry.rules()
    names = [r.name for r in known]
    for name in skip:
        if name not in names:
            raise UsageError(f"{name} is not a rule", where="--skip", fix=nearest(name, names))
    held = reference(program, feeds, seed)
    log = Log(unproven=held.unproven)
    wanted = (r for r in known if r.name not in skip and r.serves(runtime))
    for _, chosen in rules.by_phase(wanted):
        program, made = verify.checked(program, partial(_run, chosen), held)
        log += made
    return program, log


def at_usable_opset(program: Program, feeds: Sequence[Feeds], seed: int) -> tuple[Program, Log]:
    """The program at an operator set that integers can use, where it still computes the same."""
    higher = raised(program)
    if higher is None:
        return program, Log()
    wrong = verify.fault(higher, reference(program, feeds, seed))
    if wrong:
        return program, Log(undone=(Undone("raise_opset", program.name, wrong),))
    return higher, Log()


def _run(
    chosen: Sequence[rules.Rule[Any]], program: Program, limit: int | None, banned: verify.Banned
) -> Log:
    graph.infer_shapes(program)
    return rules.run(program, chosen, limit=limit, banned=banned)
