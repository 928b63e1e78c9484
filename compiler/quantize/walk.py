"""Runs a program piece by piece over a handful of samples, and stops at each layer on the way.

Between two stops only what lies between them is run, so that all stops together cost one run of
the program. What later pieces need is held in memory; where that is too much, samples are let go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import onnx_ir as ir

from mcompile.graph import name_of, program
from mcompile.oracle import Oracle
from mcompile.types import Array, Feeds, Program


class Walk:
    """Values of a program on some samples, advanced stop by stop.

    `held` is, for each sample, what is known so far and still needed: change a value there, and
    all that is computed from it later sees the change. At most about `limit` bytes are held.
    """

    def __init__(
        self,
        source: Program,
        stops: Sequence[str],
        feeds: Sequence[Feeds],
        limit: int = 1 << 28,
        threads: int | None = None,
    ) -> None:
        self._source, self._limit, self._threads = source, limit, threads
        self._made = {v.name: n for n in source.graph.graph for v in n.outputs if v.name}
        self._reads = {n: tuple(_reads(n)) for n in source.graph.graph}
        self._left = dict.fromkeys(self._reads)
        self._left = self._above(stops)
        self._readers = Counter(name for n in self._left for name in set(self._reads[n]))
        self.held: list[dict[str, Array]] = [dict(f) for f in feeds]

    def to(self, stop: str) -> list[Array]:
        """The value of that name on each sample that is still held."""
        piece = list(self._above([stop]))
        for node in piece:
            del self._left[node]
            self._readers.subtract(set(self._reads[node]))
        made = (v.name for n in piece for v in n.outputs if v.name)
        wanted = list(dict.fromkeys([stop, *(w for w in made if self._readers[w])]))
        if piece:
            self._run(piece, wanted)
        return [values[stop] for values in self.held]

    def pending(self, names: Sequence[str]) -> list[str]:
        """Those of the values that are not computed yet: all that a change can still reach."""
        return [n for n in names if self._made.get(n) in self._left]

    def _above(self, stops: Sequence[str]) -> dict[ir.Node, None]:
        """The nodes not yet run that the stops are computed from, in the order of execution."""
        found: set[ir.Node] = set()
        waiting = list(stops)
        while waiting:
            node = self._made.get(waiting.pop())
            if node is not None and node in self._left and node not in found:
                found.add(node)
                waiting += self._reads[node]
        return {n: None for n in self._left if n in found}

    def _run(self, piece: Sequence[ir.Node], wanted: list[str]) -> None:
        made = {v.name for n in piece for v in n.outputs}
        known = self.held[0]
        read = [n for n in dict.fromkeys(r for p in piece for r in _reads(p)) if n not in made]
        given = [n for n in read if n in known]
        oracle = Oracle(cut(self._source, given, wanted), threads=self._threads)
        total = 0
        for index, values in enumerate(self.held):
            found = oracle.run({n: values[n] for n in given})
            kept = {n: a for n, a in values.items() if self._readers[n]}
            self.held[index] = {**kept, **{n: found[n] for n in wanted}}
            total += sum(a.nbytes for a in self.held[index].values())
            if total > self._limit and index:
                del self.held[index + 1 :]
                return


def cut(source: Program, inputs: Sequence[str], outputs: Sequence[str]) -> Program:
    """The part of the program from those values to those."""
    part = ir.convenience.extract(source.graph.graph, inputs, outputs)
    model = ir.Model(part, ir_version=source.graph.ir_version or 10)
    model.functions.update(source.graph.functions)
    return program(source.name, model)


def _reads(node: ir.Node) -> Iterator[str]:
    """What the node reads, inside its branches too."""
    yield from (name_of(v) for v in node.inputs if v is not None)
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            for inner in attribute.as_graph().all_nodes():
                yield from (name_of(v) for v in inner.inputs if v is not None)
            yield from (name_of(v) for v in attribute.as_graph().outputs)
