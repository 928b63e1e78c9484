"""A report as one page that needs nothing else: no script, no request, no font from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mcompile.record import Layer, Report
from mcompile.report import (
    curves,
    delegates,
    figures,
    front,
    integers,
    plots,
    products,
    rivals,
    tables,
)

SHOWN_LAYERS = 40
_SEPARATOR = re.compile(r"(?<=[/_.])")
LISTED = 1000
"""Rows of a list that the page holds; report.json holds them all."""


@dataclass(frozen=True)
class Bar:
    """A layer with its part of the time (%) and its noise against the noisiest layer (%)."""

    layer: Layer
    share: float
    width: float
    noise: float | None


def render(report: Report) -> str:
    """The HTML of the page."""
    layers = bars(report.layers)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            rows=tables.rows(report),
            tally=tables.tally(report),
            titles=tables.titles(report),
            sides=tables.sides(report),
            tiles=tiles(report),
            runtimes_head=rivals.head(report),
            runtimes=rivals.rows(report),
            delegates_head=delegates.HEAD,
            delegates=delegates.rows(report),
            plot=Markup(plots.latency(report)),
            drawn=plots.drawn(report),
            slower=plots.beyond(plots.drawn(report)) if plots.drawn(report) else (0.0, 0),
            computed=figures.line(products.told(report)),
            layers=layers[:SHOWN_LAYERS],
            more_layers=layers[SHOWN_LAYERS:],
            **_integers(report),
            rules=tables.tried(report),
            ops=tables.ops(report),
            rules_of=lambda log, *more: _picked(log, "rule", "node", *more),
            nodes_of=lambda nodes: _picked(nodes, "name", "op", "shape"),
            listed=LISTED,
        )
    )


def _integers(report: Report) -> dict[str, object]:
    """What the section on quantization shows."""
    return {
        "along": Markup(curves.along(report)),
        "tried_plot": Markup(curves.tried(report)),
        "integer_layers": integers.layers(report),
        "shown_layers": SHOWN_LAYERS,
        "files_tried": integers.tried(report),
        "kept_by_file": [(t.how, ", ".join(t.kept)) for t in report.tried if t.kept],
        "noise_alone": integers.alone(report),
        "alone_head": integers.ALONE_HEAD,
        "override": integers.OVERRIDE,
    }


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("mcompile.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "breakable": breakable,
        "label": figures.label,
        "figure": figures.figure,
        "decibel": integers.decibel,
        "found": figures.found,
        "source": figures.source,
        "seconds": figures.seconds,
        "bytes": figures.size,
        "count": figures.count,
    }
    made.tests["floor"] = figures.is_floor
    return made


def breakable(name: object) -> Markup:
    """The name, with leave to break a line after a separator rather than amid a word."""
    parts = _SEPARATOR.split(figures.line(name))
    return Markup("<wbr>").join(escape(p) for p in parts if p)


def _picked(items: Sequence[object], *names: str) -> list[tuple[object, ...]]:
    return [tuple(getattr(item, name) for name in names) for item in items]


def _visible(value: object) -> object:
    """Every expression of the templates ends here, so that no name can bring control characters."""
    return value if isinstance(value, Markup) else figures.line(value)


def tiles(report: Report) -> tuple[tables.Side, ...]:
    """The few figures that matter most: size, latency, quality, memory."""
    found = {figures.stem(s.name): s for s in reversed(tables.sides(report))}
    wanted = ("size", "latency_p50", front.quality([report]), "memory_peak")
    return tuple(found[w] for w in wanted if w in found)


def bars(layers: Sequence[Layer]) -> tuple[Bar, ...]:
    """The layers, the slowest first."""
    total = sum(x.time_ms for x in layers) or 1.0
    longest = max((x.time_ms for x in layers), default=0.0) or 1.0
    noises = [_noise(x) for x in layers]
    worst = max((n for n in noises if n is not None), default=0.0) or 1.0
    made = (
        Bar(
            x,
            100 * x.time_ms / total,
            100 * x.time_ms / longest,
            None if n is None else 100 * n / worst,
        )
        for x, n in zip(layers, noises, strict=True)
    )
    return tuple(sorted(made, key=lambda b: -b.layer.time_ms))


def _noise(layer: Layer) -> float | None:
    """The error as a part of the signal's amplitude; at 20 dB it is a tenth."""
    return None if layer.sqnr_db is None else float(10 ** (-layer.sqnr_db / 20))
