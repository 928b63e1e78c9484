"""From a mistake of a rule to the fewest nodes on which the rule makes it again.

The nodes around the rewrite are cut out of the program, ring by ring, until the rule alone, on
what these nodes were really given, gives another result than the nodes as they were. Then nodes
are left out again for as long as it does, by delta debugging (Zeller and Hildebrandt 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

import onnx_ir as ir

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.record import Log
from mcompile.reference import Reference, reference
from mcompile.reproduce.excerpt import around, excerpt, stated, within
from mcompile.reproduce.reproducer import Reproducer
from mcompile.rules import label
from mcompile.types import Feeds, Program
from mcompile.verify import Mistake, fault

Run = Callable[[Program, Sequence[str], Sequence[Feeds]], tuple[Program, Log]]
"""The whole optimizer: a program, rules to leave out, and inputs to hold it against."""

_TRIES = 64
_SHRUNK_BELOW = 1000
"""Nodes above which leaving out is not tried: each try would copy them all."""


def reduced(mistake: Mistake, run: Run) -> Reproducer:
    """The smallest reproducer that was found: at worst the whole program before the rewrite."""
    before, feeds = mistake.before, _showing(mistake)
    found = None
    for places in _rings(before, mistake):
        found = _tried(mistake, before, places, feeds)
        if found is not None:
            found = _shrunk(mistake, found)
            break
    made = found or _whole(mistake, before, feeds)
    return _seen(replace(made, whole=before.graph.graph.num_nodes()), run)


def _seen(made: Reproducer, run: Run) -> Reproducer:
    """The reproducer with the rules left out that come before its own where all are run."""
    skip = made.skip
    while made.before.graph.graph.num_nodes() <= _SHRUNK_BELOW:
        _, log = run(made.before, skip, made.samples)
        if any(u.rule == made.rule for u in log.undone):
            return replace(made, skip=skip, seen=True)
        others = {a.rule for a in log.applied} - {made.rule, *skip}
        if not others:
            break
        skip = tuple(sorted({*skip, *others}))
    return made


def _showing(mistake: Mistake) -> Feeds | None:
    """The first input on which the program is wrong, or the first of all."""
    held, after = mistake.attempt.held, mistake.after
    for row in held.rows():
        feeds, outputs, moved = ((part,) for part in row)
        if after is not None and fault(after, Reference(feeds, outputs, moved)):
            return row[0]
    return next(iter(held.feeds), None)


def _rings(before: Program, mistake: Mistake) -> Iterator[set[int]]:
    """Ever more nodes: the one that was matched, those that changed, and ever wider around."""
    nodes = list(before.graph.graph)
    places = {k for k, n in enumerate(nodes) if _holds(n, mistake.undone.node)}
    if places:
        yield places
    if mistake.after is not None:
        yield (places := places | _touched(nodes, mistake.after))
    step = 1
    while places and 2 * len(places) < len(nodes):
        wider = places
        for _ in range(step):
            wider = around(before, wider)
        if wider == places:
            break
        yield (places := wider)
        step *= 2
    yield set(range(len(nodes)))


def _holds(node: ir.Node, name: str) -> bool:
    return any(label(n) == name for n in within(node))


def _touched(nodes: list[ir.Node], after: Program) -> set[int]:
    """The nodes that are no longer there as they were, and those that now feed the new ones."""
    old, new = ({_form(n): n for n in given} for given in (nodes, after.graph.graph))
    news = [n for form, n in new.items() if form not in old]
    read = {v.name for n in news for v in n.inputs if v is not None}
    return {
        k for k, n in enumerate(nodes) if _form(n) not in new or read & {v.name for v in n.outputs}
    }


def _form(node: ir.Node) -> tuple[object, ...]:
    inputs = tuple(v.name if v is not None else "" for v in node.inputs)
    return (node.domain, node.op_type, inputs, tuple(v.name for v in node.outputs))


def _tried(
    mistake: Mistake, source: Program, places: Collection[int], feeds: Feeds | None
) -> Reproducer | None:
    """The reproducer that these nodes make, or None where they do not show the mistake."""
    try:
        part = excerpt(source, places)
        known = _recorded(source, part, feeds) if feeds is not None else {}
        part = stated(part, known)
        given = {p.name: known[p.name] for p in part.inputs} if feeds is not None else None
        return _shown(mistake, part, given)
    except Exception:  # a part may be of a form that no runtime loads: it shows nothing then
        return None


def _recorded(source: Program, part: Program, feeds: Feeds) -> Feeds:
    """What the inputs and outputs of the part are when the source is given those feeds."""
    wanted = [p.name for p in (*part.inputs, *part.outputs) if p.name not in feeds]
    return {**feeds, **Oracle(source, wanted).run(feeds)}


def _shown(mistake: Mistake, part: Program, given: Feeds | None) -> Reproducer | None:
    """What the rule alone makes of the part, if that is wrong."""
    undone = mistake.undone
    after, log, skip = _alone(mistake, part)
    held = reference(part, () if given is None else (given,))
    if given is not None and held.feeds:
        held = Reference(held.feeds[:1], held.outputs[:1], held.moved[:1])
    crash = next((u.error for u in log.undone if (u.rule, u.node) == _key(mistake)), "")
    error = crash or (fault(after, held) if log.applied else "")
    if not error:
        return None
    inputs = next(iter(held.feeds), {})
    expected = next(iter(held.outputs), {})
    got = {} if crash else _outputs(after, inputs)
    made = None if crash else after
    return Reproducer(undone.rule, undone.node, error, part, made, inputs, expected, got, skip)


def _key(mistake: Mistake) -> tuple[str, str]:
    return mistake.undone.rule, mistake.undone.node


def _alone(mistake: Mistake, part: Program) -> tuple[Program, Log, tuple[str, ...]]:
    """The part after the one rewrite, with its log, and the rules that had to be kept out for it.

    The log is empty where the rule does not make that rewrite here.
    """
    banned, wanted = mistake.attempt.banned, _key(mistake)
    while True:
        work = graph.clone(part)
        log = mistake.attempt.apply(work, 1, banned)
        made = next(((a.rule, a.node) for a in log.applied), wanted)
        if made == wanted or any((u.rule, u.node) == wanted for u in log.undone):
            skip = {rule for rule, node in banned - mistake.attempt.banned if node == "*"}
            return work, log, tuple(sorted(skip))
        banned |= {made if made[0] == wanted[0] else (made[0], "*")}


def _outputs(program: Program, feeds: Feeds) -> Feeds:
    try:
        return Oracle(program).run(feeds) if feeds else {}
    except Exception:  # it may be wrong in that it does not run
        return {}


def _shrunk(mistake: Mistake, found: Reproducer) -> Reproducer:
    """The reproducer without the nodes that it does not need, in ever smaller groups."""
    count = found.before.graph.graph.num_nodes()
    size, tries = count // 2, _TRIES
    while size and tries > 0 and count <= _SHRUNK_BELOW:
        nodes = list(range(found.before.graph.graph.num_nodes()))
        start, smaller = 0, False
        while start < len(nodes) > size and tries > 0:
            tries -= 1
            rest = nodes[:start] + nodes[start + size :]
            made = _tried(mistake, found.before, rest, found.inputs or None)
            if made is None:
                start += size
            else:
                found, smaller = made, True
                nodes = list(range(found.before.graph.graph.num_nodes()))
        size = size // 2 if not smaller or size > 1 else 1
    return found


def _whole(mistake: Mistake, before: Program, feeds: Feeds | None) -> Reproducer:
    """The program before and after, where the mistake shows against the untouched model alone."""
    held, undone = mistake.attempt.held, mistake.undone
    expected = next((o for f, o in zip(held.feeds, held.outputs, strict=True) if f is feeds), {})
    got = _outputs(mistake.after, feeds or {}) if mistake.after is not None else {}
    return Reproducer(
        undone.rule, undone.node, undone.error, before, mistake.after, feeds or {}, expected, got
    )
