"""Reads calibration data once, and remembers what every float tensor of the program held."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx_ir as ir

from mcompile.errors import SamplesError
from mcompile.graph import array, dtype_of, integer, is_constant, name_of, values
from mcompile.oracle import Oracle
from mcompile.quantize.identity import identities, of_model
from mcompile.quantize.masked import masked
from mcompile.quantize.ranges import Ranges
from mcompile.quantize.stored import Observed, Progress, linked, load, save
from mcompile.types import Array, Program, Sample, Samples

_CONVOLUTIONS = {"Conv", "ConvTranspose"}
_EVERY = 32


def observe(
    program: Program,
    samples: Samples,
    threads: int | None = None,
    *,
    kept: Path | None = None,
    every: int = _EVERY,
) -> Ranges:
    """The range of every float tensor that is not a constant, by name.

    What weighted layers read is observed by channel too. Memory does not grow with the number of
    samples. Raises `SamplesError` when there are none, or when a tensor becomes NaN or infinite on
    one of them.

    `kept` is a file that the pass writes `every` so many samples. A pass that finds it goes on
    where it ended, and observes only tensors that it lacks: samples before that are read, and must
    be the same, but are not run. Raises `SamplesError` when it is damaged, of another model or of
    other samples.
    """
    return _Pass(program, samples, threads, kept).over(every)


class _Pass:
    def __init__(
        self, program: Program, samples: Samples, threads: int | None, kept: Path | None
    ) -> None:
        self._program, self._samples, self._threads = program, samples, threads
        self._kept = kept
        watched = _watched(program)
        known = identities(program) if kept else {name: name for name in watched}
        self._model = of_model(program, known) if kept else ""
        self._keys = {name: known[name] for name in watched}
        self._axes: dict[str, tuple[int, ...]] = {}
        for name, axes in watched.items():
            key = known[name]
            self._axes[key] = tuple(sorted({*axes, *self._axes.get(key, ())}))
        self._progress = self._found(load(kept)) if kept else {}
        for key, axes in self._axes.items():
            entry = self._progress.setdefault(key, Observed())
            if entry.seen and not {*axes} <= {*entry.range.channels}:
                self._progress[key] = Observed()
        if kept and not kept.exists():
            self._save()  # a place that cannot be written to is refused before the work
        self._oracle: tuple[frozenset[str], Oracle] | None = None

    def over(self, every: int) -> Ranges:
        chain, count, unsaved = "", 0, False
        for index, sample in enumerate(self._samples):
            due = self._due(index, chain)
            if due:
                self._add(sample, index, due)
            if self._kept:
                chain = linked(chain, sample)
            count = index + 1
            for key in due:
                self._progress[key].seen, self._progress[key].chain = count, chain
            unsaved = unsaved or bool(due)
            if unsaved and count % every == 0:
                self._save()
                unsaved = False
        self._demand(count, chain)
        if unsaved:
            self._save()
        return {name: self._progress[key].range for name, key in self._keys.items()}

    def _due(self, index: int, chain: str) -> dict[str, str]:
        """The tensors that have seen all samples before this one and not yet it, by identity."""
        due = {k: n for n, k in self._keys.items() if self._progress[k].seen == index}
        if any(self._progress[key].chain != chain for key in due):
            raise self._refusal("these ranges were observed on other samples")
        return due

    def _add(self, sample: Sample, index: int, due: Mapping[str, str]) -> None:
        held = {**sample.feeds, **self._run(sample, due)}
        for key, name in due.items():
            if not np.isfinite(held[name]).all():
                raise SamplesError(
                    f"{name} is not finite on calibration sample {sample.name or index}",
                    where=self._samples.source,
                    fix="look at that sample and its preprocessing",
                )
            self._progress[key].range.add(held[name], self._axes[key])

    def _run(self, sample: Sample, due: Mapping[str, str]) -> Mapping[str, Array]:
        fed = {p.name for p in self._program.inputs}
        wanted = frozenset(due.values()) - fed
        if not wanted:
            return {}
        if self._oracle is None or self._oracle[0] != wanted:
            also = [name for name in self._keys if name in wanted]
            self._oracle = wanted, Oracle(self._program, also, self._threads, quick=True)
        return self._oracle[1].run(sample.feeds)

    def _demand(self, count: int, chain: str) -> None:
        """Refuse an empty stream, and one that does not reach what the file had seen."""
        if not count:
            raise SamplesError(
                "there are no calibration samples",
                where=self._samples.source,
                fix="name a folder or file with samples: --calibration SOURCE",
            )
        entries = [self._progress[key] for key in self._keys.values()]
        if longest := max((e.seen for e in entries if e.seen > count), default=0):
            raise self._refusal(
                f"these ranges were observed on {longest} samples, and now there are {count}"
            )
        if any(e.chain != chain for e in entries):
            raise self._refusal("these ranges were observed on other samples")

    def _found(self, progress: Progress) -> Progress:
        """What a file held, where it holds anything that this program computes."""
        fed = {p.name for p in self._program.inputs}
        inner = [key for name, key in self._keys.items() if name not in fed]
        if progress and inner and not any(key in progress for key in inner):
            raise self._refusal("these ranges are those of another model")
        return progress

    def _refusal(self, why: str) -> SamplesError:
        return SamplesError(
            why,
            where=f"{self._kept}, read beside {self._samples.source}",
            fix="name another file, or delete this one and the samples are observed anew",
        )

    def _save(self) -> None:
        if self._kept:
            names = {key: name for name, key in self._keys.items()}
            save(self._kept, self._progress, self._model, self._samples.source, names)


def _watched(program: Program) -> dict[str, tuple[int, ...]]:
    """The float tensors that are not constants, each with the axes it is observed along.

    Those that a mask of infinities runs through have no range, and are left out.
    """
    endless = masked(program)
    return {
        name_of(v): tuple(sorted({axis for node in v.consumers() for axis in _axis(node, v)}))
        for v in values(program.graph.graph)
        if v.name and not v.is_initializer() and dtype_of(v) == "float32" and array(v) is None
        if v not in endless
    }


def _axis(node: ir.Node, data: ir.Value) -> tuple[int, ...]:
    """The axis that holds the channels of what a layer with a constant weight reads."""
    if node.domain or len(node.inputs) < 2 or node.inputs[0] is not data:
        return ()
    if not is_constant(node.inputs[1]):
        return ()
    if node.op_type in _CONVOLUTIONS:
        return (1,)
    plain = node.op_type == "MatMul" or (node.op_type == "Gemm" and not integer(node, "transA", 0))
    return (-1,) if plain else ()
