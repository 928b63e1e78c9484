"""What the runtimes of one build have in common: made once, or as far as they differ."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from mcompile import registry
from mcompile.quantize import Ranges, observe
from mcompile.quantize.weight_only import BITS
from mcompile.record import Log
from mcompile.request import CALIBRATED, Request
from mcompile.rules import Phase
from mcompile.types import Precision, Program, Samples

INTEGERS = {*CALIBRATED, Precision.INT8_DYNAMIC, *BITS}
"""Forms that are made of a program as rules leave it before they spell it for float kernels."""
Optimized = tuple[Program, Log]


class Shared:
    """Optimized programs and observed ranges, kept for the next runtime that asks for the same.

    Runtimes whose rules and caps are the same share one program, and with it its ranges. Where
    programs differ, ranges are found again by what a tensor computes (`quantize.identity`): only
    tensors that no earlier program had are observed anew. Use it as a context manager.
    """

    def __init__(self) -> None:
        self._programs: dict[Hashable, Optimized] = {}
        self._ranges: list[tuple[Program, Ranges]] = []
        self._folder: TemporaryDirectory[str] | None = None

    def __enter__(self) -> Shared:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def optimized(self, request: Request, make: Callable[[], Optimized]) -> tuple[Optimized, bool]:
        """The program that `make` gives and its log, and whether they were there already."""
        key = _alike(request)
        known = key in self._programs
        if not known:
            self._programs[key] = make()
        return self._programs[key], known

    def ranges(self, request: Request, program: Program, samples: Samples) -> tuple[Ranges, str]:
        """The program's ranges on those samples, and in words how many were there already."""
        for known, found in self._ranges:
            if known is program:
                return found, ", all of them before"
        file = Path(request.options.ranges) if request.options.ranges else self._kept()
        found = observe(program, samples, request.threads, kept=file)
        how = ", those of an earlier runtime not again" if self._ranges else ""
        self._ranges.append((program, found))
        return found, how

    def _kept(self) -> Path | None:
        """Where ranges lie for the next program, if there is to be one."""
        if len({id(program) for program, _ in self._programs.values()}) < 2:
            return None
        if self._folder is None:
            self._folder = TemporaryDirectory()
        return Path(self._folder.name) / "ranges.npz"


def phases_for(request: Request) -> list[Phase]:
    """The phases of a program that all forms are made of: none for float kernels with integers."""
    integers = INTEGERS & {*request.precisions}
    return [phase for phase in Phase if not (integers and phase is Phase.SPELL)]


def _alike(request: Request) -> Hashable:
    """Equal for runtimes that are given the same program."""
    phases, reads = phases_for(request), request.target.runtime
    rules = frozenset(
        rule.name
        for rule in registry.rules()
        if rule.phase in phases and rule.serves(request.backend.name)
    )
    return reads.max_opset, reads.max_ir_version, request.backend.opset, rules
