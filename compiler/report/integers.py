"""The quantization tables in words, for every format: layers, files tried, noise alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mcompile.record import QuantLayer, Report, TriedRow
from mcompile.report import figures

EXACT_DB = 200.0
"""Said of values without any error."""

OVERRIDE = (
    "To override: --keep-float LAYER keeps one more layer float, and --plan plan.json builds "
    "from the plan beside this report, as it is or edited, instead of choosing anew."
)
JUMP = "the error jumps here"
LAYER_HEAD = ("layer", "op", "SQNR", "step", "reads", "saturated", "scale", "weights", "note")
TRIED_HEAD = ("file", "float layers", "SQNR", "latency", "")
ALONE_HEAD = ("layer", "op", "SQNR alone", "MACs")


@dataclass(frozen=True)
class Line:
    """A layer of the plan in words; `note` is why it stayed float, and whether the error jumps."""

    layer: str
    op: str
    range: str
    scale: str
    weights: str
    sqnr: str
    step: str
    saturated: str
    note: str
    jump: bool
    reads: str

    @property
    def cells(self) -> tuple[str, ...]:
        """Under `LAYER_HEAD`."""
        told = (self.layer, self.op, self.sqnr, self.step, self.range)
        return (*told, self.saturated, self.scale, self.weights, self.note)


def layers(report: Report) -> tuple[Line, ...]:
    """The layers in the order of execution."""
    return tuple(_line(x) for x in report.quantized_layers)


def tried(report: Report) -> tuple[tuple[str, ...], ...]:
    """The files that were measured, in that order, under `TRIED_HEAD`."""
    return tuple(_tried(row) for row in report.tried)


def alone(report: Report) -> tuple[tuple[str, ...], ...]:
    """What each layer does to the outputs alone, the noisiest first, under `ALONE_HEAD`."""
    rows = sorted(report.alone, key=lambda r: r.sqnr_db)
    line = figures.line
    return tuple((line(r.layer), line(r.op), decibel(r.sqnr_db), _macs(r.macs_m)) for r in rows)


def is_timed(row: TriedRow) -> bool:
    """Whether the file ran, and was timed."""
    return 0 < row.latency_ms < math.inf and row.sqnr_db > -EXACT_DB


def decibel(value: float | None) -> str:
    """A level in words: `exact` without any error."""
    if value is None:
        return ""
    return "exact" if value >= EXACT_DB else figures.figure(value, "dB")


def _line(x: QuantLayer) -> Line:
    notes = [JUMP] if x.jump else []
    if x.left_float:
        said = x.left_float
        notes.append(said if said.startswith("float") else f"float: {said}")
    return Line(
        layer=figures.line(x.layer),
        op=figures.line(x.op),
        range="" if x.low is None or x.high is None else _between(x.low, x.high),
        scale=_scale(x),
        weights=_weights(x),
        sqnr=decibel(x.sqnr_db),
        step="" if x.step_db is None else f"{x.step_db:+.1f} dB",
        saturated="" if x.saturated is None else figures.figure(100 * x.saturated, "%"),
        note=figures.line("; ".join(notes)),
        jump=x.jump,
        reads=figures.line(x.reads),
    )


def _scale(x: QuantLayer) -> str:
    if x.scale is None:
        return ""
    return figures.line(f"{x.scale:.4g}, zero at {x.zero_point} ({x.dtype})")


def _weights(x: QuantLayer) -> str:
    if x.channels is None or x.weight_scale_min is None or x.weight_scale_max is None:
        return ""
    channels = figures.count(x.channels, "channel")
    if x.weight_scale_min == x.weight_scale_max:
        return f"{channels}, {x.weight_scale_max:.3g}"
    return f"{channels}, {_between(x.weight_scale_min, x.weight_scale_max)}"


def _between(low: float, high: float) -> str:
    return f"{low:.3g}..{high:.3g}"


def _tried(row: TriedRow) -> tuple[str, ...]:
    return (
        figures.line(row.how),
        str(len(row.kept)),
        decibel(row.sqnr_db) if row.sqnr_db > -EXACT_DB else "did not run",
        figures.figure(row.latency_ms, "ms") if is_timed(row) else "not timed",
        "taken" if row.taken else "",
    )


def _macs(value: float | None) -> str:
    return figures.figure(value, "M") if value else ""
