"""Ours beside NNCF's own IR: each figure of each model, and the medians that have a limit."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from quantization_contest.entrants import UNTRAINED
from quantization_contest.summary import View, machine

DEFAULT = "nncf ir default"
_TIMED = {"openvino pace": "latency", "openvino load": "compile time"}


@dataclass(frozen=True)
class Figure:
    """What is compared, of a file of a model; `limit` is that of the median of ours / theirs."""

    title: str
    unit: str
    limit: float | None
    of: Callable[[View, str, str], float | None]


def _noise(view: View, model: str, name: str) -> float | None:
    """None for random weights, whose speed alone counts."""
    return None if model in UNTRAINED else view.scored("openvino", model, name).get("noise")


FIGURES = (
    Figure("latency", "ms", 1.05, lambda v, m, n: v.spent("openvino pace", m, n)),
    Figure("noise", "", 0.5, _noise),
    Figure("compile time", "ms", 1.0, lambda v, m, n: v.spent("openvino load", m, n)),
    Figure("size", "MB", None, lambda v, m, n: v.made(m, n).get("mb")),
)


def show(view: View, rows: bool) -> str:
    """The whole as Markdown; with `rows`, every setting of NNCF for every model."""
    parts = [_table(view, model) for model in view.models()] if rows else []
    default = _beside(view, "NNCF's default", lambda _: DEFAULT)
    sharpest = _beside(view, "NNCF's most accurate setting", lambda model: best(view, model))
    return "\n\n".join([machine(view), *parts, default, sharpest, _clocks(view)]).strip() + "\n"


def best(view: View, model: str) -> str:
    """NNCF's setting with the least noise; ours is no vendor's."""
    theirs = view.vendors("openvino", model)
    return min(theirs, key=lambda name: theirs[name]["noise"], default=DEFAULT)


def _beside(view: View, title: str, other: Callable[[str], str]) -> str:
    head = "".join(f" {f.title} |" for f in FIGURES)
    lines = [f"### Ours / {title}", "", f"| |{head} top-1 pp | setting |",
             "|---|" + "---|" * (len(FIGURES) + 2)]  # fmt: skip
    lines += [_row(view, model, other(model)) for model in view.models()]
    return "\n".join([*lines, "", *_medians(view, other)])


def _row(view: View, model: str, other: str) -> str:
    cells = [_cell(view, model, other, figure) for figure in FIGURES]
    gained = [view.scored("openvino", model, n).get("top1") for n in (_ours(view), other)]
    top1 = "" if None in gained else f"{gained[0] - gained[1]:+.2f}"
    return f"| {model} | {' | '.join(cells)} | {top1} | {other} |"


def _cell(view: View, model: str, other: str, figure: Figure) -> str:
    one, two = (figure.of(view, model, n) for n in (_ours(view), other))
    if one is None or two is None:
        return ""
    return f"{one / two:.2f} ({one:.3g} / {two:.3g} {figure.unit}".rstrip() + ")"


def _medians(view: View, other: Callable[[str], str]) -> Iterator[str]:
    for figure in FIGURES:
        pairs = [[figure.of(view, m, n) for n in (_ours(view), other(m))] for m in view.models()]
        found = [a / b for a, b in pairs if a is not None and b is not None]
        if not found:
            yield f"- {figure.title}: not measured"
            continue
        median = statistics.median(found)
        told = f"- {figure.title}: median {median:.2f}, worst {max(found):.2f}"
        if figure.limit is not None:
            kept = "kept" if median <= figure.limit else "missed"
            told += f" of {len(found)} (wanted: at most {figure.limit:.2f} in the median: {kept})"
        yield told


def _table(view: View, model: str) -> str:
    names = [r["variant"] for r in view.results.all("made") if r["model"] == model]
    head = "".join(f" {f.title} {f.unit} |".replace("  ", " ") for f in FIGURES)
    lines = [f"| |{head} dB | top-1 % | CPU s |", "|---|" + "---|" * (len(FIGURES) + 3)]
    for name in names:
        scored, made = view.scored("openvino", model, name), view.made(model, name)
        values = [f.of(view, model, name) for f in FIGURES]
        values += [scored.get("db"), scored.get("top1"), made.get("cpu")]
        told = ["" if v is None else f"{v:.3g}" if v < 10 else f"{v:.2f}" for v in values]
        failed = made.get("error") or scored.get("error") or ""
        lines.append(f"| {name} {failed[:120]} | {' | '.join(told)} |")
    return f"## {model}\n\n" + "\n".join(lines)


def _clocks(view: View) -> str:
    """Which times are the CPU's, for want of a core that was left alone."""
    rows = [view.results.get(f"openvino {kind}", model)
            for model in view.models() for kind in ("pace", "load")]  # fmt: skip
    return "\n".join(
        f"- {row['model']}, {_TIMED[row['kind']]}: CPU time; {row['error']}"
        for row in rows if "error" in row
    )  # fmt: skip


def _ours(view: View) -> str:
    return view.ours("openvino")
