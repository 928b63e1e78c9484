"""The rules engine: small rewrites from one root op, run to a fixed point, phase by phase.

A rule reads in `match` and writes in `rewrite`; by then everything is known and it cannot refuse.
It only builds what is new and redirects readers: nodes that nobody reads any more are removed
here, and constants with them, so that no rule has to clean up.
"""

from __future__ import annotations

import inspect
import logging
import sys
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Generic, TypeVar

import onnx_ir as ir

from mcompile import graph
from mcompile.errors import Broken
from mcompile.record import Applied, Log, Skipped, Undone
from mcompile.sweep import drop_unread, sources, sweep
from mcompile.types import Program

Found = TypeVar("Found")
Banned = frozenset[tuple[str, str]]
ANY = "*"
_log = logging.getLogger(__name__)


class Phase(Enum):
    """When a rule runs. Inside a phase the order of rules must not matter.

    SPELL is for the kernels of one runtime: a float program gets it, one to be quantized does not.
    """

    CLEAN = "clean"
    FOLD = "fold"
    FUSE = "fuse"
    LAYOUT = "layout"
    SPELL = "spell"


@dataclass(frozen=True)
class Skip:
    """A rewrite that was looked at and refused, with a reason a user can read."""

    reason: str


class Rule(ABC, Generic[Found]):
    """One rewrite. `root` is the op type (or several, or `ANY`) whose nodes it is shown.

    Ops outside of the standard set are spelled `domain::op`. `pays_on` names the runtimes that
    gain by the rewrite, where not all do: it is made for those alone. The module's docstring holds
    the algebra, and is what `mcompile explain` prints.
    """

    name: ClassVar[str]
    root: ClassVar[str | tuple[str, ...]]
    roots: ClassVar[tuple[str, ...]]
    phase: ClassVar[Phase]
    pays_on: ClassVar[frozenset[str]] = frozenset()
    opset: int = 0

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        root = getattr(cls, "root", ())
        cls.roots = (root,) if isinstance(root, str) else root
        cls.name = cls.__dict__.get("name", cls.__module__.rpartition(".")[2])

    def serves(self, runtime: str) -> bool:
        """Whether a program for that runtime is to be rewritten so."""
        return not self.pays_on or runtime in self.pays_on

    def start(self, program: Program) -> None:
        """Begin a run over that program; a rule that keeps an index empties it here."""
        self.opset = graph.opset(program)

    @abstractmethod
    def match(self, node: ir.Node) -> Found | Skip | None:
        """What `rewrite` needs, a reason against it, or None where the rule has no say."""

    @abstractmethod
    def rewrite(self, found: Found) -> None:
        """Make the change. It may not fail."""

    @classmethod
    def explain(cls) -> str:
        """The documentation of the rule: its module's docstring."""
        return inspect.cleandoc(sys.modules[cls.__module__].__doc__ or "")


def by_phase(rules: Iterable[Rule[Any]]) -> Iterator[tuple[Phase, tuple[Rule[Any], ...]]]:
    """The rules of each phase that has any, in the order the phases run."""
    every = tuple(rules)
    for phase in Phase:
        if chosen := tuple(r for r in every if r.phase is phase):
            yield phase, chosen


def run(
    program: Program,
    rules: Sequence[Rule[Any]],
    *,
    limit: int | None = None,
    banned: Banned = frozenset(),
) -> Log:
    """Rewrite the program, in place, until no rule finds anything; return what was done.

    `limit` stops after that many rewrites. A pair (rule, node) in `banned` is not looked at; the
    node `*` bans a rule everywhere. A rule that fails is named in `Log.undone` and, where it
    failed half way through a rewrite, the run ends there: the program is not to be used then.
    Raises `Broken` for rules that never come to rest.
    """
    with graph.naming(program.graph):
        return _Run(program, rules, limit, banned).settle()


def label(node: ir.Node) -> str:
    """What a node is called in logs: its name, or that of what it makes."""
    return node.name or next((v.name for v in node.outputs if v.name), node.op_type)


class _Run:
    """The state of one run: a worklist of nodes, and what happened so far."""

    def __init__(
        self, program: Program, rules: Sequence[Rule[Any]], limit: int | None, banned: Banned
    ) -> None:
        self.graph = program.graph.graph
        self.rules = _by_root([r for r in rules if (r.name, ANY) not in banned])
        self.banned = banned
        self.limit = sys.maxsize if limit is None else limit
        self.patience = 1000 + 20 * sum(1 for _ in self.graph.all_nodes())
        self.queue: deque[ir.Node] = deque()
        self.queued: set[ir.Node] = set()
        self.known: set[ir.Node] = set()
        self.applied: list[Applied] = []
        self.undone: list[Undone] = []
        self.skipped: dict[tuple[str, str], str] = {}
        self.over = self.limit <= 0
        for rule in rules:
            rule.start(program)

    def settle(self) -> Log:
        """Sweep over all nodes until a sweep changes nothing.

        Between sweeps the worklist follows each change to its neighbours. A rule may look further
        than that, so only a whole sweep proves the fixed point, and only its skips are reported.
        """
        before = -1
        while not self.over and before != len(self.applied):
            before = len(self.applied)
            self.skipped.clear()
            self._enqueue(self.graph.all_nodes())
            while self.queue and not self.over:
                node = self.queue.popleft()
                self.queued.discard(node)
                if node.graph is not None:
                    self._visit(node)
        drop_unread(self.graph)
        skipped = (Skipped(rule, node, why) for (rule, node), why in self.skipped.items())
        return Log(tuple(self.applied), tuple(skipped), tuple(self.undone))

    def _visit(self, node: ir.Node) -> None:
        """Let the first rule that finds something rewrite the node."""
        name = label(node)
        for rule in self.rules.get(op_of(node), self.rules[ANY]):
            if self.banned and (rule.name, name) in self.banned:
                continue
            found = self._ask(rule, node)
            if isinstance(found, Skip):
                self.skipped[rule.name, name] = found.reason
            elif found is not None:
                self._apply(rule, node, found)
                break

    def _ask(self, rule: Rule[Any], node: ir.Node) -> Any:
        try:
            return rule.match(node)
        except Exception as error:  # whatever a faulty rule raises must not end the build
            self._failed(rule, node, error)
            return None

    def _apply(self, rule: Rule[Any], node: ir.Node, found: Any) -> None:
        name = label(node)
        above = sources(node)
        uses = [use for v in node.outputs for use in v.uses()]
        readers = [use.node for use in uses]
        try:
            rule.rewrite(found)
        except Exception as error:  # as above; the graph is half rewritten
            self._failed(rule, node, error)
            self.over = True
            return
        self.applied.append(Applied(rule.name, name))
        self.over = len(self.applied) >= self.limit
        sweep([node, *above])
        self._enqueue(self._news(uses))
        self._enqueue([*above, node, *readers])
        self._check_rest()

    def _news(self, uses: Iterable[Any]) -> Iterator[ir.Node]:
        """Nodes that were not there before, found upstream of where the old one was read."""
        read = (use.node.inputs[use.idx] for use in uses if use.node.graph is not None)
        stack = [n for v in read if v is not None and (n := v.producer()) is not None]
        while stack:
            source = stack.pop()
            if source not in self.known and source.graph is not None:
                self.known.add(source)
                stack.extend(sources(source))
                yield source

    def _enqueue(self, nodes: Iterable[ir.Node]) -> None:
        for node in nodes:
            if node not in self.queued and node.graph is not None:
                self.known.add(node)
                self.queued.add(node)
                self.queue.append(node)

    def _failed(self, rule: Rule[Any], node: ir.Node, error: Exception) -> None:
        _log.debug("%s failed at %s", rule.name, label(node), exc_info=error)
        self.undone.append(Undone(rule.name, label(node), f"{type(error).__name__}: {error}"))
        self.banned |= {(rule.name, label(node))}

    def _check_rest(self) -> None:
        if len(self.applied) < self.patience:
            return
        (rule, times), *_ = Counter(a.rule for a in self.applied).most_common(1)
        raise Broken(
            f"{rule} never comes to rest: {times} rewrites",
            where=f"the last one at {self.applied[-1].node}",
            fix=f"`--skip {rule}`, and report this model",
        )


def _by_root(rules: Sequence[Rule[Any]]) -> dict[str, list[Rule[Any]]]:
    """The rules to show each op to, in order; those for any op under `ANY` and in every list."""
    ops = {ANY, *(op for rule in rules for op in rule.roots)}
    return {op: [r for r in rules if not {op, ANY}.isdisjoint(r.roots)] for op in ops}


def op_of(node: ir.Node) -> str:
    """The op as a rule names it: with its domain where that is not the standard's."""
    return node.op_type if node.domain in {"", "ai.onnx"} else f"{node.domain}::{node.op_type}"
