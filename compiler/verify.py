"""Holds an edited program against the untouched one, and finds and undoes what changed it.

On a mismatch the first rewrite after which the two differ is found by bisection and left out, and
the rest is done again: the build goes on, and the log says what was undone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from mcompile.errors import Broken, CompileError
from mcompile.graph import clone
from mcompile.invariants import invariants
from mcompile.oracle import Oracle
from mcompile.record import Log, Undone
from mcompile.reference import Reference, difference
from mcompile.types import Program

Banned = frozenset[tuple[str, str]]
Apply = Callable[[Program, int | None, Banned], Log]
"""Edits a program in place: all the way, or that many rewrites, and none of the banned ones.

The same program and ban must lead to the same rewrites in the same order.
"""

_CHANCES = 3
"""A rule that was undone so many times is left out altogether."""


def checked(
    program: Program, apply: Apply, held: Reference, banned: Banned = frozenset()
) -> tuple[Program, Log]:
    """An edited copy of the program that computes what the reference says, and what was done.

    Raises `Broken` when the program itself, before any rewrite, already disagrees.
    """
    undone: tuple[Undone, ...] = ()
    while True:
        work = clone(program)
        log = apply(work, None, banned | _bans(undone))
        faults = log.undone
        if not faults and log.applied and fault(work, held):
            faults = (_culprit(program, apply, held, (len(log.applied), banned | _bans(undone))),)
        if not faults:
            return work, Log(log.applied, log.skipped, undone)
        undone += faults


def fault(program: Program, held: Reference) -> str:
    """What is wrong with the program, in words: its form, or what it computes; or empty."""
    try:
        invariants(program)
        oracle = Oracle(program)
        for feeds, want, moved in held.rows():
            got = oracle.run(feeds)
            for name in want:
                if found := difference(got[name], want[name], moved[name]):
                    return f"{name} is {found}"
    except CompileError as error:
        return f"{error.what} ({error.where})" if error.where else error.what
    except Exception as error:  # onnxruntime raises a dozen unrelated classes
        return f"it does not run: {str(error).splitlines()[0]}"
    return ""


def _culprit(program: Program, apply: Apply, held: Reference, run: tuple[int, Banned]) -> Undone:
    """The first rewrite after which the program is wrong, by bisection."""
    good, (bad, banned) = 0, run
    if found := fault(program, held):
        raise Broken(f"the model disagrees with itself: {found}", fix="report this model")
    while bad - good > 1:
        middle = (good + bad) // 2
        work = clone(program)
        apply(work, middle, banned)
        good, bad = (good, middle) if fault(work, held) else (middle, bad)
    work = clone(program)
    last = apply(work, bad, banned).applied[-1]
    return Undone(last.rule, last.node, fault(work, held))


def _bans(undone: Iterable[Undone]) -> Banned:
    """The rewrites that were undone, and every one of a rule that was undone too often."""
    often = Counter(u.rule for u in undone)
    whole = {(rule, "*") for rule, times in often.items() if times >= _CHANCES}
    return frozenset({(u.rule, u.node) for u in undone} | whole)
