"""Plots as inline SVGs that follow the page's colours, light or dark; that of the latencies.

The same times always give the same bytes: the salt of the ids is fixed and no date is written.
Text stays text, in the font of the page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mcompile.record import Report, Variant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SERIES = ("#000001", "#000002", "#000003", "#000004")
INK, MUTED = "#000005", "#000006"
_STYLES = {c: f"var(--series-{i})" for i, c in enumerate(SERIES)} | {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
}
_RC: dict[str, Any] = {
    "svg.hashsalt": "mcompile",
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": MUTED,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}
_BINS = 60
_IDS = re.compile(r' id="|url\(#|href="#')


def drawn(report: Report) -> tuple[Variant, ...]:
    """The variants with a distribution, in the order of the columns and colours."""
    return tuple(v for v in reversed(report.variants) if v.latency_ms)[: len(SERIES)]


def beyond(variants: Sequence[Variant]) -> tuple[float, int]:
    """Where the plot ends (ms), and how many runs were slower than that."""
    ends = [sorted(v.latency_ms)[int(0.99 * (len(v.latency_ms) - 1))] for v in variants]
    everything = [t for v in variants for t in v.latency_ms]
    end = min(max(everything), 1.1 * max(ends))
    return end, sum(t > end for t in everything)


def latency(report: Report) -> str:
    """An `<svg>` element with one outlined histogram a variant, or nothing without times."""
    variants, limits = drawn(report), _limits(report)
    return svg("latency", lambda axes: _draw(axes, variants, limits)) if variants else ""


def svg(name: str, draw: Callable[[Axes], None]) -> str:
    """The plot that `draw` draws, as an `<svg>` element whose ids begin with `name`."""
    # matplotlib takes half a second to import: only a report with a plot pays for it.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    out = io.StringIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)  # type: ignore[arg-type,unused-ignore]
        figure = Figure(figsize=(5.2, 3.0), layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes)
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return _inline(out.getvalue(), name)


def _limits(report: Report) -> dict[str, float]:
    named = ((c.name, c.limit) for c in report.checks if c.name.startswith("latency_p"))
    return {n.removeprefix("latency_").removesuffix("_ms"): v for n, v in named if v is not None}


def _draw(axes: Axes, variants: Sequence[Variant], limits: dict[str, float]) -> None:
    start = min(t for v in variants for t in v.latency_ms)
    end, _ = beyond(variants)
    width = (end - start) / _BINS or 1.0
    edges = [start + i * width for i in range(_BINS + 1)]
    for colour, variant in zip(SERIES, variants, strict=False):
        times = [t for t in variant.latency_ms if t <= end]
        axes.hist(times, edges, histtype="stepfilled", color=colour, alpha=0.22)
        axes.hist(times, edges, histtype="step", color=colour, linewidth=1.3)
    for name, limit in limits.items():
        if start <= limit <= end:
            axes.axvline(limit, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
            axes.text(
                limit, 1.02, f"{name} limit", transform=axes.get_xaxis_transform(), ha="center"
            )
    # A hair above nothing, so that an outline does not run along the axis where no run fell.
    axes.set_ylim(bottom=0.2)
    axes.set_xlabel("latency, ms")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _inline(text: str, name: str) -> str:
    """The bare element: no prologue, no metadata, no link to anywhere, colours by their role."""
    body = text[text.index("<svg ") :]
    head, rest = body.split("<metadata>")
    body = head + rest.split("</metadata>", 1)[1]
    for colour, role in _STYLES.items():
        body = body.replace(colour, role)
    # An id is there once in a page, which may hold several plots.
    return _IDS.sub(rf"\g<0>{name}-", body)
