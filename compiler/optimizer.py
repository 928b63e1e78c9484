"""The middle end: rules in their phases, each phase held against the program as it came."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from mcompile import graph, registry, rules, verify
from mcompile.errors import LoweringError, UsageError
from mcompile.opsets import ir_versions
from mcompile.opsets.versions import PER_AXIS, converted, inlined
from mcompile.record import Log, Skipped, Undone
from mcompile.reference import Reference, reference
from mcompile.rules import Phase
from mcompile.types import Feeds, Program
from mcompile.wording import nearest


def optimize(
    program: Program,
    skip: Sequence[str] = (),
    feeds: Sequence[Feeds] = (),
    seed: int = 0,
    *,
    runtime: str = "onnxruntime",
    phases: Collection[Phase] = tuple(Phase),
    keep: verify.Keep = lambda _: "",
) -> tuple[Program, Log]:
    """An equal and better program, and what the rules did; the given one is left as it was.

    Each phase is held against the given program on seeded inputs and on `feeds`. Rules that pay
    on other runtimes than `runtime` alone are left out. `keep` is given each mistake of a rule.
    """
    known = registry.rules()
    names = [r.name for r in known]
    for name in skip:
        if name not in names:
            raise UsageError(f"{name} is not a rule", where="--skip", fix=nearest(name, names))
    with _uncollected():
        held = reference(program, feeds, seed)
        program = _with_shapes(inlined(program))
        log = Log(unproven=held.unproven)
        wanted = [r for r in known if r.name not in skip and r.serves(runtime)]
        steps = list(rules.by_phase(r for r in wanted if r.phase in phases))
        for phase, chosen in steps:
            if not _concerned(program, chosen):
                continue
            program, made = verify.checked(program, partial(_run, chosen), held, keep=keep)
            if made.applied:
                graph.infer_shapes(program)
                steps += _after(phase, wanted) if len(steps) <= len(Phase) else []
            log += made
    return program, log


def _concerned(program: Program, chosen: Sequence[rules.Rule[Any]]) -> bool:
    """Whether there is a node to show to one of the rules."""
    roots = {op for rule in chosen for op in rule.roots}
    nodes = program.graph.graph.all_nodes()
    return rules.ANY in roots or any(rules.op_of(n) in roots for n in nodes)


def spelled(
    program: Program, skip: Sequence[str] = (), seed: int = 0, *, runtime: str
) -> tuple[Program, Log]:
    """An optimized program as that runtime's float kernels like it best; itself where it is so."""
    rest = [r for r in registry.rules() if r.phase is Phase.SPELL and r.serves(runtime)]
    if not rules.run(graph.clone(program), [r for r in rest if r.name not in skip]).applied:
        return program, Log()
    again = (Phase.CLEAN, Phase.FOLD, Phase.SPELL)
    return optimize(program, skip, seed=seed, runtime=runtime, phases=again)


def _after(
    phase: Phase, wanted: Sequence[rules.Rule[Any]]
) -> list[tuple[Phase, tuple[rules.Rule[Any], ...]]]:
    """What is done once more at the end: later phases leave Reshapes in a row, and equal ones."""
    if phase in {Phase.CLEAN, Phase.FOLD}:
        return []
    return list(rules.by_phase(r for r in wanted if r.phase in {Phase.CLEAN, Phase.FOLD}))


def _with_shapes(program: Program) -> Program:
    """The program where each inner value has a shape, else a copy with those that can be told."""
    values = (v for node in program.graph.graph.all_nodes() for v in node.outputs)
    if all(v.shape is not None and v.dtype is not None for v in values):
        return program
    told = graph.clone(program)
    graph.infer_shapes(told)
    return told


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep Python from looking for cycles: it would walk all of a long graph again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def at_opset(
    program: Program,
    feeds: Sequence[Feeds] = (),
    seed: int = 0,
    *,
    cap: int | None = None,
    newest_ir: int | None = None,
    floor: int = PER_AXIS,
) -> tuple[Program, Log]:
    """An equal program of an operator set from `floor` to `cap`, and what could not be done.

    A raise that cannot be made, or that changes what is computed, is left out and told; one to the
    first operator set with scales for each channel is tried then. Raises
    `LoweringError` where the target needs an older operator set or file format (`newest_ir`) than
    the program can be written in.
    """
    version = graph.opset(program)
    if not version:
        return program, Log()
    log = Log()
    for wanted in dict.fromkeys((floor, min(floor, PER_AXIS))):
        least = min(wanted, cap or wanted)
        if version < least:
            program, noted = _raised(program, least, reference(program, feeds, seed))
            version, log = graph.opset(program), log + noted
    limit = newest_ir or (ir_versions.of_opset(cap) if cap else None)
    if (cap and version > cap) or (limit and program.graph.ir_version > limit):
        program = _rewritten(program, min(version, cap or version), limit, feeds, seed)
    return program, log


def _raised(program: Program, version: int, held: Reference) -> tuple[Program, Log]:
    """The program in that operator set, or as it was with what stood against it."""
    try:
        higher = converted(program, version)
    except LoweringError as error:
        return program, Log(skipped=(Skipped("raise_opset", error.where, error.what),))
    if wrong := verify.fault(higher, held):
        return program, Log(undone=(Undone("raise_opset", program.name, wrong),))
    return higher, Log()


def written_in(program: Program, version: int | None, feeds: Sequence[Feeds] = ()) -> Program:
    """An equal program of exactly that operator set; the program itself where it is of that one.

    Raises `LoweringError` where it cannot be written so, or would compute something else.
    """
    if version is None or version == graph.opset(program):
        return program
    return _rewritten(program, version, None, feeds, 0)


def _rewritten(
    program: Program, version: int, newest_ir: int | None, feeds: Sequence[Feeds], seed: int
) -> Program:
    """The program in an operator set that someone needs, in which it must compute the same.

    It is cleaned before: what an older op takes as an attribute is often computed from constants.
    """
    held = reference(program, feeds, seed)
    clean, _ = optimize(program, feeds=feeds, seed=seed, phases=(Phase.CLEAN,))
    made = converted(clean, version, newest_ir)
    if wrong := verify.fault(made, held):
        raise LoweringError(
            f"in operator set {version} it could not be shown to compute the same: {wrong}",
            where=made.name,
            fix="export the model at that operator set, or choose a target that reads newer ones",
        )
    return made


def _run(
    chosen: Sequence[rules.Rule[Any]], program: Program, limit: int | None, banned: verify.Banned
) -> Log:
    return rules.run(program, chosen, limit=limit, banned=banned)
