"""A report on the console: past tense, one line a stage, the verdict last."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from mcompile.record import Report
from mcompile.report import delegates, figures, front, integers, products, rivals, tables
from mcompile.report.columns import Cell, align
from mcompile.types import Measured, Provenance
from mcompile.wording import choice

_WORDS = {"passed": "ok", "failed": "failed", "missed": "missed (soft)", "unproven": "unproven"}
_STYLES = {"passed": "green", "failed": "bold red", "missed": "yellow", "unproven": "yellow"}
_CHOSEN = "*"


def show(report: Report, console: Console, verbose: bool = False) -> None:
    """Print the report: headlines, stages, variants, checks, verdict; `verbose` adds reasons."""
    _say(console, Text(_title(report), "bold"))
    _block(console, _notes(report))
    _block(console, [*align(_stages(report)), *align(_not_done(report))])
    _block(console, align(_headed(rivals.head(report), rivals.rows(report))))
    _block(console, align(_variants(report, verbose)))
    if verbose:
        _block(console, align(_comparison(report)))
    _block(console, align(_headed(*_delegates(report, verbose))))
    _block(console, _checks(report, verbose))
    if verbose:
        _block(console, align(_headed(integers.LAYER_HEAD, _layers(report))))
        _block(console, align(_headed(integers.TRIED_HEAD, integers.tried(report))))
        _block(console, align(_headed(integers.ALONE_HEAD, integers.alone(report))))
        _block(console, [Text(f"  {integers.OVERRIDE}", "dim")] if report.tried else [])
        _block(console, align(_reasons(report)))
    _say(console, Text(), _verdict(report))


def compare(reports: Sequence[Report], console: Console) -> None:
    """Print artifacts side by side; `*` marks those that none of the others beats on every axis."""
    axes, doubted = front.axes(reports), front.doubted(reports)
    chosen = front.chosen(reports)
    head = ["", "artifact", "precision", *map(figures.label, axes), "verdict"]
    rows: list[list[Cell]] = [[(h, "bold") for h in head]]
    rows += [_contender(r, axes, i in chosen) for i, r in enumerate(reports)]
    _say(console, *align(rows))
    by = f"by {choice([figures.label(a) for a in axes if a not in doubted], 'and')}"
    said = f"{_CHOSEN} on the Pareto front {by}: no other is better on every axis"
    _say(console, Text(), Text(said))
    _say(console, *(Text(w, "yellow") for w in _cautions(reports, axes, doubted)))


def _contender(report: Report, axes: Sequence[str], chosen: bool) -> list[Cell]:
    cells = [front.measurement(report, a) for a in axes]
    return [
        (_CHOSEN if chosen else "", "bold green"),
        (f"{figures.line(report.model)} -> {figures.line(report.target)}", ""),
        (report.built.value, ""),
        *((_compared(m), "") for m in cells),
        (report.verdict.value, _STYLES[report.verdict.value]),
    ]


def _compared(measured: Measured | None) -> str:
    if measured is None:
        return "not measured"
    plain = measured.counts and measured.provenance is Provenance.MEASURED
    found = figures.found(measured)
    return found if plain else f"{found} ({figures.provenance(measured)})"


def _cautions(reports: Sequence[Report], axes: Sequence[str], doubted: Sequence[str]) -> list[str]:
    times = [m for r in reports if (m := front.measurement(r, "latency_p50"))]
    words = [f"{figures.label(a)} ranks nobody: not every figure counts for its target"
             for a in doubted]  # fmt: skip
    if len({(m.device, m.provenance) for m in times}) > 1:
        words.append("latencies are not from one device: " + "; ".join(map(_where, times)))
    if any(None in front.point(r, axes) for r in reports):
        words.append("an artifact that lacks a figure is not judged")
    return words


def _where(measured: Measured) -> str:
    return figures.line(f"{figures.found(measured)} {measured.provenance.value} {measured.device}")


def _title(report: Report) -> str:
    asked = "" if report.requested == report.built else f", {report.requested.value} was asked for"
    names = f"{report.model} -> {report.target} {report.built.value} ({report.backend})"
    return figures.line(names + asked)


def _notes(report: Report) -> list[Text]:
    said = [Text(f"  {figures.line(h)}", "bold") for h in report.headlines]
    warned = [Text(f"  warning: {figures.line(w)}", "yellow") for w in report.warnings]
    return said + warned


def _stages(report: Report) -> list[list[Cell]]:
    return [
        [
            (figures.line(s.name), ""),
            (figures.line(s.summary), ""),
            (figures.seconds(s.seconds), "dim"),
        ]
        for s in report.stages
    ]


def _not_done(report: Report) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    if ran := products.told(report):
        rows.append([("computed", ""), (figures.line(ran), "")])
    if report.rules.skipped:
        rows.append([("left alone", ""), (figures.count(len(report.rules.skipped), "rewrite"), "")])
    if report.left_float:
        rows.append([("left float", ""), (figures.count(len(report.left_float), "tensor"), "")])
    if report.rules.skipped or report.left_float:
        rows[-1].append(("-v says why", "dim"))
    if report.rules.undone:
        taken_back = figures.count(len(report.rules.undone), "rewrite")
        rows.append([("undone", "yellow"), (f"{taken_back} that changed the numbers", "yellow")])
        if any(u.reproducer for u in report.rules.undone):
            rows[-1].append(("mcompile explain reproducer", "dim"))
    return rows


def _variants(report: Report, verbose: bool) -> list[list[Cell]]:
    if not report.variants:
        return []
    shown = [s for s in tables.sides(report) if verbose or not s.detail]
    head: list[Cell] = [("", ""), *((t, "bold") for t in tables.titles(report))]
    return [
        head,
        *(
            [(s.label, ""), *((c, "") for c in s.cells), (s.change, ""), (_origin(s), "dim")]
            for s in shown
        ),
    ]


def _origin(side: tables.Side) -> str:
    return ", ".join(w for w in (side.sources[-1] or side.sources[0], side.note) if w)


def _comparison(report: Report) -> list[list[Cell]]:
    cells = (
        (figures.label(m.name), figures.found(m), figures.source(m)) for m in report.comparison
    )
    return [[(name, ""), (value, ""), (source, "dim")] for name, value, source in cells]


def _checks(report: Report, verbose: bool) -> list[Text]:
    rows = tables.rows(report)
    lines = align([_check(row) for row in rows])
    if not verbose:
        return lines
    told = ([text, *_told(row)] for row, text in zip(rows, lines, strict=True))
    return [text for group in told for text in group]


def _check(row: tables.Row) -> list[Cell]:
    word = (_WORDS[row.state], _STYLES[row.state])
    return [
        (row.label, ""),
        (row.limit, ""),
        (row.found, ""),
        word,
        (row.source or row.because, "dim"),
    ]


def _told(row: tables.Row) -> list[Text]:
    pairs = (("", row.because if row.source else ""), ("try ", row.advice))
    return [Text(f"      {lead}{words}", "dim") for lead, words in pairs if words]


def _reasons(report: Report) -> list[list[Cell]]:
    skipped = ((f"skipped {s.rule}", s.node, s.reason) for s in report.rules.skipped)
    undone = ((f"undone {u.rule}", u.node, tables.undoing(u)) for u in report.rules.undone)
    kept = (("left float", name, why) for name, why in report.left_float.items())
    return [[(figures.line(c), "") for c in row] for row in (*skipped, *undone, *kept)]


def _delegates(report: Report, verbose: bool) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Without `verbose` only how much is taken, not what is left and who says so."""
    shown = len(delegates.HEAD) if verbose else delegates.HEAD.index("MACs") + 1
    return delegates.HEAD[:shown], [row[:shown] for row in delegates.rows(report)]


def _layers(report: Report) -> list[tuple[str, ...]]:
    return [line.cells for line in integers.layers(report)]


def _headed(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[list[Cell]]:
    """The rows under their titles; nothing where there are no rows."""
    rows: list[list[Cell]] = [[(title, "bold") for title in head]] if body else []
    return [*rows, *([(cell, "") for cell in row] for row in body)]


def _verdict(report: Report) -> Text:
    text = Text(f"{report.verdict.value}: ", _STYLES[report.verdict.value])
    text.append(f"{tables.tally(report)}.", "")
    return text.append(f"  {figures.line(report.folder)}" if report.folder else "", "bold")


def _block(console: Console, lines: Sequence[Text]) -> None:
    if lines:
        _say(console, Text(), *lines)


def _say(console: Console, *lines: Text) -> None:
    for text in lines:
        console.print(text, soft_wrap=True, highlight=False)
