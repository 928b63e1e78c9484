"""Runs a program of Q/DQ pairs on the integer arithmetic of a scheme, without its device."""

from __future__ import annotations

from collections.abc import Sequence

from mcompile.graph import array, clone, infer_shapes, name_of
from mcompile.simulate.accepts import takes
from mcompile.simulate.coded import Coded
from mcompile.simulate.kernels import kernels
from mcompile.simulate.segments import Segment, jobs
from mcompile.simulate.steps import Operand, Step, steps
from mcompile.types import Array, Feeds, Program, Scheme


class Simulator:
    """A program ready to run on integers; `also` names inner values to return beside the outputs.

    An inner value that no kernel writes, such as a sum before its Relu, is given as what its kernel
    hands on, in real numbers.
    """

    def __init__(
        self,
        program: Program,
        scheme: Scheme,
        threads: int | None = None,
        also: Sequence[str] = (),
    ) -> None:
        source = clone(program)
        source.graph.graph.sort()
        infer_shapes(source)
        self._scheme, self._kernels = scheme, kernels(scheme)
        found = list(steps(source.graph.graph, frozenset(self._kernels), scheme, takes))
        ops = [s.node for s in found if s.node.op_type != "QuantizeLinear"]
        self.integer = tuple(name_of(n.outputs[0]) for n in ops)
        """What is computed on integers, by the outputs of the ops."""
        self._gone = {name: s for s in found for name in s.gone}
        self._names = list(dict.fromkeys([*(p.name for p in program.outputs), *also]))
        wanted = [self._gone[n].makes if n in self._gone else n for n in self._names]
        constants = source.graph.graph.initializers
        self._fixed = {n: a for n in wanted if n in constants for a in [array(constants[n])]}
        self._jobs = jobs(source, found, wanted, threads)
        self._last = _last_uses(self._jobs, wanted)

    def run(self, feeds: Feeds) -> dict[str, Array]:
        """Outputs (and what `also` named) by name."""
        known: dict[str, Array] = {
            **{n: a for n, a in self._fixed.items() if a is not None},
            **feeds,
        }
        for index, job in enumerate(self._jobs):
            known.update(job.run(known) if isinstance(job, Segment) else self._computed(job, known))
            for name in [n for n in known if self._last.get(n, -1) <= index]:
                del known[name]
        return {n: self._told(n, known) for n in self._names}

    def _computed(self, step: Step, known: Feeds) -> dict[str, Array]:
        given = [_given(o, known) for o in step.reads]
        kernel = self._kernels[step.node.op_type]
        return {step.makes: kernel(step.node, given, step.out, self._scheme)}

    def _told(self, name: str, known: Feeds) -> Array:
        step = self._gone.get(name)
        if step is None:
            return known[name]
        codes = known[step.makes]
        return codes if step.out.params is None else Coded(codes, step.out.params).real()

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the float parts; a second call does nothing."""
        self._jobs = []


def _given(operand: Operand, known: Feeds) -> Coded | Array:
    data = known[operand.name] if operand.constant is None else operand.constant
    return data if operand.params is None else Coded(data, operand.params)


def _last_uses(order: Sequence[Segment | Step], wanted: Sequence[str]) -> dict[str, int]:
    """The job that reads each value last; what is asked for is never let go."""
    last: dict[str, int] = {}
    for index, job in enumerate(order):
        names = job.reads if isinstance(job, Segment) else [o.name for o in job.reads]
        last.update(dict.fromkeys(names, index))
    return {**last, **dict.fromkeys(wanted, len(order))}
