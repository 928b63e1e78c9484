"""What a build wrote down about itself: the rows of a report, ready for any format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcompile.coverage import Coverage
from mcompile.types import Artifact, Check, Measured, Precision, Verdict


@dataclass(frozen=True)
class Stage:
    """One step of the build: what it did in words, its time, the process' peak memory after it."""

    name: str
    summary: str
    seconds: float
    cpu_seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Applied:
    """A rewrite that was made."""

    rule: str
    node: str


@dataclass(frozen=True)
class Skipped:
    """A rewrite that was looked at and not made, with the reason."""

    rule: str
    node: str
    reason: str


@dataclass(frozen=True)
class Undone:
    """A rewrite that changed what the model computes, and was taken back.

    `reproducer` is the folder, relative to the report, that shows the mistake; empty without one.
    """

    rule: str
    node: str
    error: str
    reproducer: str = ""


@dataclass(frozen=True)
class Log:
    """What the rules did to a program; `unproven` is why the numbers could not be compared."""

    applied: tuple[Applied, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    undone: tuple[Undone, ...] = ()
    unproven: str = ""

    def __add__(self, other: Log) -> Log:
        return Log(
            self.applied + other.applied,
            self.skipped + other.skipped,
            self.undone + other.undone,
            self.unproven or other.unproven,
        )


@dataclass(frozen=True)
class QuantRow:
    """One tensor of the quantization plan; `scale` is the largest where there is one a channel."""

    tensor: str
    dtype: str
    scale: float
    zero_point: int
    channels: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class QuantLayer:
    """A layer of the plan: what it reads, its weights, and the error of what it makes.

    `layer` is the value that it makes, the name that `--keep-float` takes. `low`..`high` is what
    was observed of what it reads, and `saturated` the share of it that lies outside the integers.
    `step_db` is the SQNR of the output less the worst of what was read, where that had an error.
    A layer without a plan's scale stayed float; `left_float` is why. `jump` marks the first whose
    error jumps.
    """

    layer: str
    op: str
    reads: str
    low: float | None = None
    high: float | None = None
    dtype: str = ""
    scale: float | None = None
    zero_point: int | None = None
    saturated: float | None = None
    channels: int | None = None
    weight_scale_max: float | None = None
    weight_scale_min: float | None = None
    sqnr_db: float | None = None
    step_db: float | None = None
    macs_m: float | None = None
    jump: bool = False
    left_float: str = ""


@dataclass(frozen=True)
class TriedRow:
    """A file that was measured on the way to the plan: how it was made, and which layers float."""

    how: str
    kept: tuple[str, ...]
    sqnr_db: float
    latency_ms: float
    taken: bool


@dataclass(frozen=True)
class AloneRow:
    """The noise that a layer makes when it alone is on integers; `macs_m` is what it computes."""

    layer: str
    op: str
    sqnr_db: float
    macs_m: float | None = None


@dataclass(frozen=True)
class GraphRow:
    """A node of a graph as the report lists it."""

    name: str
    op: str
    shape: str


@dataclass(frozen=True)
class Layer:
    """A layer of the finished artifact as the runtime ran it: its time, error, size and work.

    `precision` is what its kernel computes in, such as "int8"; empty where the runtime cannot tell.
    """

    name: str
    op: str
    time_ms: float
    sqnr_db: float | None = None
    weights_kb: float | None = None
    macs_m: float | None = None
    precision: str = ""


@dataclass(frozen=True)
class Variant:
    """One form of the model that was measured, with its latency distribution."""

    name: str
    precision: Precision
    measured: tuple[Measured, ...]
    latency_ms: tuple[float, ...] = ()

    def find(self, name: str) -> Measured | None:
        """The measurement of that name, or None."""
        return next((m for m in self.measured if m.name == name), None)


@dataclass(frozen=True)
class Rival:
    """Another runtime of the profile: what it came to, or why it could not be tried.

    `measured` is of the form that it would have handed over, taken in the same run as the
    artifact's; `missed` are the hard checks and limits of accuracy that it failed. Where `out` says
    why there is no such form, there is no verdict, and `fix` is what would bring it in.
    """

    backend: str
    built: Precision | None = None
    verdict: Verdict | None = None
    measured: tuple[Measured, ...] = ()
    missed: tuple[str, ...] = ()
    out: str = ""
    fix: str = ""

    def find(self, name: str) -> Measured | None:
        """The measurement of that name, or None."""
        return next((m for m in self.measured if m.name == name), None)


@dataclass(frozen=True)
class Report:
    """The whole record of a build, and its verdict.

    `variants` holds the artifact first and, beside a reduced precision, the float build of the
    same model on the same runtime. `headlines` are said before anything else. `rivals` are the
    other runtimes where the choice between them was left to the compiler.
    """

    model: str
    target: str
    backend: str
    requested: Precision
    built: Precision
    verdict: Verdict
    checks: tuple[Check, ...]
    variants: tuple[Variant, ...] = ()
    headlines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    comparison: tuple[Measured, ...] = ()
    rivals: tuple[Rival, ...] = ()
    stages: tuple[Stage, ...] = ()
    rules: Log = Log()
    quantization: tuple[QuantRow, ...] = ()
    left_float: Mapping[str, str] = field(default_factory=dict)
    quantized_layers: tuple[QuantLayer, ...] = ()
    tried: tuple[TriedRow, ...] = ()
    alone: tuple[AloneRow, ...] = ()
    layers: tuple[Layer, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    graph_before: tuple[GraphRow, ...] = ()
    graph_after: tuple[GraphRow, ...] = ()
    card: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    artifact: Artifact | None = None
    folder: str = ""
    schema: int = 1

    @property
    def ok(self) -> bool:
        """Whether no budget failed; unproven ones do not count against it."""
        return self.verdict is not Verdict.FAILED
