"""The parts of a program between integer steps, which the reference runtime computes in floats.

Steps and float nodes are put on levels: a float node stands on the highest level of what it reads,
a step makes its codes one level above. Each level is then one float part and the steps behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import onnx_ir as ir

from mcompile.graph import name_of, program
from mcompile.oracle import Oracle
from mcompile.simulate.steps import Step
from mcompile.types import Array, Program


class Segment:
    """A float part: what it reads, what it makes. It is loaded when it first runs."""

    def __init__(
        self, source: Program, reads: Sequence[str], makes: Sequence[str], threads: int | None
    ) -> None:
        self.reads, self.makes = tuple(reads), tuple(makes)
        self._source, self._threads = source, threads
        self._oracle: Oracle | None = None
        self._kept: dict[str, Array] | None = None  # what is made of constants alone

    def run(self, known: Mapping[str, Array]) -> dict[str, Array]:
        """What the part makes of what is known."""
        if self._kept is not None:
            return self._kept
        given = {n: known[n] for n in self.reads}
        if self._oracle is None:
            self._oracle = Oracle(self._cut(given), threads=self._threads)
        made = self._oracle.run(given)
        self._kept = None if self.reads else made
        return made

    def _cut(self, given: Mapping[str, Array]) -> Program:
        model = self._source.graph
        values = ir.convenience.create_value_mapping(model.graph, include_subgraphs=False)
        for name, data in given.items():
            if values[name].type is None:
                values[name].type = ir.TensorType(ir.DataType.from_numpy(data.dtype))
        part = ir.Model(
            ir.convenience.extract(model.graph, self.reads, self.makes),
            ir_version=model.ir_version or 10,
        )
        part.functions.update(model.functions)
        return program(self._source.name, part)


def jobs(
    source: Program, found: Sequence[Step], wanted: Sequence[str], threads: int | None
) -> list[Segment | Step]:
    """Float parts and steps in an order in which each finds what it reads."""
    placed = _places(source, found)
    parts = _parts(source, found, placed)
    readers: dict[str, set[int]] = {}
    for name in [*wanted, *(o.name for s in found for o in s.reads)]:
        readers.setdefault(name, set()).add(-1)
    for level, part in parts.items():
        for name in (r for node in part for r in reads(node)):
            readers.setdefault(name, set()).add(level)
    made: list[Segment | Step] = []
    asked = [*wanted, *(o.name for s in found for o in s.reads if o.constant is None)]
    known = {*placed, *source.graph.graph.initializers}
    loose = [n for n in dict.fromkeys(asked) if n not in known]
    if loose:
        made.append(Segment(source, [], loose, threads))
    for level in range(1 + max(placed.values(), default=0)):
        part = parts.get(level, [])
        names = [name_of(v) for n in part for v in n.outputs if v.name]
        makes = [n for n in names if readers.get(n, set()) - {level}]
        needed = dict.fromkeys(r for n in _above(part, makes) for r in reads(n))
        given = [n for n in needed if n in placed and n not in set(names)]
        if makes:
            made.append(Segment(source, given, makes, threads))
        made += [s for s in found if placed[s.makes] == level + 1]
    return made


def _above(part: Sequence[ir.Node], makes: Sequence[str]) -> list[ir.Node]:
    """The nodes of the part that those values are computed from."""
    wanted, found = set(makes), []
    for node in reversed(part):
        if wanted & {v.name for v in node.outputs}:
            wanted.update(reads(node))
            found.append(node)
    return found[::-1]


def _parts(
    source: Program, found: Sequence[Step], placed: Mapping[str, int]
) -> dict[int, list[ir.Node]]:
    """The float nodes of each level; what is made of constants alone belongs to none."""
    hidden = {s.makes for s in found}
    parts: dict[int, list[ir.Node]] = {}
    for node in source.graph.graph:
        names = [v.name for v in node.outputs if v.name]
        if names and names[0] in placed and names[0] not in hidden:
            parts.setdefault(placed[names[0]], []).append(node)
    return parts


def _places(source: Program, found: Sequence[Step]) -> dict[str, int]:
    """The level of each value that is computed from an input, or is one."""
    placed = {p.name: 0 for p in source.inputs}
    by_node = {s.node: s for s in found}
    for node in source.graph.graph:
        step = by_node.get(node)
        names = [o.name for o in step.reads] if step else list(reads(node))
        known = [placed[n] for n in names if n in placed]
        if step is not None:
            placed[step.makes] = 1 + max(known, default=0)
            continue
        if known:
            level = max(known)
            placed.update({v.name: level for v in node.outputs if v.name and v.name not in placed})
    return placed


def reads(node: ir.Node) -> Iterator[str]:
    """What the node reads, inside its branches too."""
    yield from (name_of(v) for v in node.inputs if v is not None)
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            for inner in attribute.as_graph().all_nodes():
                yield from (name_of(v) for v in inner.inputs if v is not None)
            yield from (name_of(v) for v in attribute.as_graph().outputs)
