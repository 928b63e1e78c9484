"""Two plots of a quantized build: the error along the network, and the files that were tried.

No name is written into them: a layer may be called anything, and the table beside them names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mcompile.record import QuantLayer, Report, TriedRow
from mcompile.report.front import front
from mcompile.report.integers import EXACT_DB, is_timed
from mcompile.report.plots import INK, MUTED, SERIES, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_DB = 5.0
_FEW = 150
"""Layers above which each gets no dot of its own."""


def along(report: Report) -> str:
    """SQNR of each layer in the order of execution, the jump marked; '' below two layers."""
    layers = report.quantized_layers
    known = [k for k, x in enumerate(layers, 1) if _is_drawn(x)]
    return svg("along", lambda axes: _along(axes, layers, known)) if len(known) > 1 else ""


def tried(report: Report) -> str:
    """Accuracy against latency of the files that were timed; '' where there are not two."""
    timed = [t for t in report.tried if is_timed(t)]
    limit = next((c.limit for c in report.checks if c.name == "sqnr_db_min"), None)
    return svg("tried", lambda axes: _tried(axes, timed, limit)) if len(timed) > 1 else ""


def _is_drawn(layer: QuantLayer) -> bool:
    return layer.sqnr_db is not None and abs(layer.sqnr_db) < EXACT_DB


def _along(axes: Axes, layers: Sequence[QuantLayer], known: Sequence[int]) -> None:
    heights = [layers[k - 1].sqnr_db or 0.0 for k in known]
    axes.plot(known, heights, color=SERIES[1], linewidth=1.2)
    points = list(zip(known, heights, strict=True))
    integers = [p for p in points if not layers[p[0] - 1].left_float]
    floats = [p for p in points if layers[p[0] - 1].left_float]
    if len(known) <= _FEW:
        axes.plot(*_split(integers), "o", color=SERIES[1], markersize=4)
        axes.plot(*_split(floats), "s", color=SERIES[0], markersize=5)
    for k, layer in enumerate(layers, 1):
        if layer.jump:
            axes.axvline(k, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
            above = axes.get_xaxis_transform()
            axes.text(k, 1.02, "the error jumps", transform=above, ha="center", color=INK)
    # A difference that nobody would notice must not look like a cliff.
    middle, half = (max(heights) + min(heights)) / 2, (max(heights) - min(heights)) / 2
    axes.set_ylim(middle - max(1.08 * half, _LEAST_DB), middle + max(1.08 * half, _LEAST_DB))
    axes.set_xlim(0.5, len(layers) + 0.5)
    axes.set_xlabel("layer, in the order of execution")
    axes.set_ylabel("SQNR, dB")
    axes.locator_params(axis="x", integer=True)


def _tried(axes: Axes, timed: Sequence[TriedRow], limit: float | None) -> None:
    best = front([(t.latency_ms, -t.sqnr_db) for t in timed])
    edge = sorted((timed[k].latency_ms, timed[k].sqnr_db) for k in best)
    axes.plot(*_split(edge), color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
    others = [(t.latency_ms, t.sqnr_db) for t in timed if not t.taken]
    axes.plot(*_split(others), "o", color=SERIES[0], markersize=5)
    taken = [(t.latency_ms, t.sqnr_db) for t in timed if t.taken]
    axes.plot(*_split(taken), "o", color=SERIES[1], markersize=9)
    low, high = axes.get_ylim()
    if limit is not None and low - (high - low) < limit < high + (high - low):
        axes.axhline(limit, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        beside = axes.get_yaxis_transform()
        axes.text(1.0, limit, "limit", transform=beside, ha="right", va="bottom", color=INK)
    axes.set_xlabel("latency, ms")
    axes.set_ylabel("SQNR, dB")


def _split(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
