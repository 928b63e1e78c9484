"""Holds an edited program against the untouched one, and finds and undoes what changed it.

On a mismatch the first rewrite after which the two differ is found by bisection and left out, and
the rest is done again: the build goes on, and the log says what was undone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Attempt:
    """A program, the edits that are made to it, and what must come of it."""

    program: Program
    apply: Apply
    banned: Banned
    held: Reference

    def at(self, step: int | None = None) -> tuple[Program, Log]:
        """The program after so many rewrites, or after all, and what they were."""
        work = clone(self.program)
        return work, self.apply(work, step, self.banned)


@dataclass(frozen=True)
class Mistake:
    """A rewrite that was undone; `after` it stands the program that is wrong, none for a crash."""

    undone: Undone
    attempt: Attempt
    step: int
    after: Program | None = None

    @property
    def before(self) -> Program:
        """The program as the rewrite found it."""
        return self.attempt.at(self.step)[0]


Keep = Callable[[Mistake], str]
"""Keeps a mistake for whoever is to mend the rule, and says where it can be found."""


def checked(
    program: Program,
    apply: Apply,
    held: Reference,
    banned: Banned = frozenset(),
    *,
    keep: Keep = lambda _: "",
) -> tuple[Program, Log]:
    """An edited copy of the program that computes what the reference says, and what was done.

    Raises `Broken` when the program itself, before any rewrite, already disagrees.
    """
    undone: tuple[Undone, ...] = ()
    while True:
        attempt = Attempt(program, apply, banned | _bans(undone), held)
        work, log = attempt.at()
        mistakes = [Mistake(u, attempt, len(log.applied)) for u in log.undone]
        if not mistakes and log.applied and fault(work, held):
            mistakes = [_culprit(attempt, len(log.applied))]
        if not mistakes:
            return work, Log(log.applied, log.skipped, undone)
        undone += tuple(replace(m.undone, reproducer=keep(m)) for m in mistakes)


def fault(program: Program, held: Reference) -> str:
    """What is wrong with the program, in words: its form, or what it computes; or empty."""
    try:
        invariants(program)
        if not held.runs:
            return ""
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


def _culprit(attempt: Attempt, bad: int) -> Mistake:
    """The first rewrite after which the program is wrong, by bisection."""
    good = 0
    if found := fault(attempt.program, attempt.held):
        raise Broken(f"the model disagrees with itself: {found}", fix="report this model")
    while bad - good > 1:
        middle = (good + bad) // 2
        wrong = fault(attempt.at(middle)[0], attempt.held)
        good, bad = (good, middle) if wrong else (middle, bad)
    after, log = attempt.at(bad)
    last = log.applied[-1]
    error = fault(after, attempt.held)
    return Mistake(Undone(last.rule, last.node, error), attempt, bad - 1, after)


def _bans(undone: Iterable[Undone]) -> Banned:
    """The rewrites that were undone, and every one of a rule that was undone too often."""
    often = Counter(u.rule for u in undone)
    whole = {(rule, "*") for rule, times in often.items() if times >= _CHANCES}
    return frozenset({(u.rule, u.node) for u in undone} | whole)
