"""A report as a comment on a pull request: verdict, checks, variants, and the rest folded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mcompile.record import Report
from mcompile.report import delegates, figures, integers, products, rivals, tables

_MARKS = {"passed": "✅", "failed": "❌", "missed": "⚠️", "unproven": "❔"}
_WORDS = {"missed": "missed (soft)"}
_SPECIAL = re.compile(r"([\\`*_\[\]|~#!$])")
_LISTED = 50


def render(report: Report) -> str:
    """GitHub-flavoured Markdown; names are escaped, and mention nobody."""
    parts = (
        _head(report),
        _said(report),
        _checks(report),
        _table(rivals.head(report), rivals.rows(report)),
        _variants(report),
        _comparison(report),
        _computed(report),
        _advice(report),
        _stages(report),
        _rules(report),
        _layers(report),
        _tried(report),
        _fold("delegates", _table(delegates.HEAD, delegates.rows(report))),
        _left_float(report),
    )
    return "\n\n".join(p for p in parts if p) + "\n"


def quiet(text: str) -> str:
    """The text as Markdown that shows it and does nothing else: no markup, no HTML, no mention."""
    marked = _SPECIAL.sub(r"\\\1", figures.line(text))
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "&#64;")):
        marked = marked.replace(char, entity)
    return marked.replace("://", "&#58;//")


def _head(report: Report) -> str:
    verdict = report.verdict.value
    title = f"{report.model} → {report.target} {report.built.value} ({report.backend})"
    return "\n\n".join(
        (
            f"### {_MARKS[verdict]} {verdict}: {quiet(title)}",
            f"{tables.tally(report)}." + (f" {_folder(report)}" if report.folder else ""),
        )
    )


def _folder(report: Report) -> str:
    return f"In {quiet(report.folder)}."


def _said(report: Report) -> str:
    said = [f"- {quiet(h)}" for h in report.headlines]
    return "\n".join([*said, *(f"- **warning** {quiet(w)}" for w in report.warnings)])


def _checks(report: Report) -> str:
    rows = tables.rows(report)
    body = (
        (r.label, r.limit, r.found, f"{_MARKS[r.state]} {_WORDS.get(r.state, r.state)}", r.source)
        for r in rows
    )
    return _table(("check", "limit", "found", "verdict", "provenance"), body)


def _variants(report: Report) -> str:
    shown = [s for s in tables.sides(report) if not s.detail]
    body = ((s.label, *s.cells, s.change, s.sources[-1] or s.sources[0]) for s in shown)
    head = ("", *tables.titles(report), "change", "provenance")
    return _table(head, body) if shown else ""


def _comparison(report: Report) -> str:
    body = [(figures.label(m.name), figures.found(m), figures.source(m)) for m in report.comparison]
    return _fold("compared", _table(("figure", "value", "provenance"), body))


def _advice(report: Report) -> str:
    rows = [r for r in tables.rows(report) if r.state != "passed" and (r.because or r.advice)]
    lines = (f"- {quiet(r.label)}: {quiet('; '.join(_told(r)))}" for r in rows)
    return _fold("why, and what to try", "\n".join(lines))


def _told(row: tables.Row) -> list[str]:
    return [w for w in (row.because, row.advice) if w]


def _stages(report: Report) -> str:
    body = (
        (s.name, s.summary, figures.seconds(s.seconds), figures.figure(s.peak_mb, "MB"))
        for s in report.stages
    )
    return _fold("stages", _table(("stage", "did", "time", "peak memory"), body))


def _computed(report: Report) -> str:
    told = products.told(report)
    return f"{quiet(told)}." if told else ""


def _rules(report: Report) -> str:
    body = [(t.rule, str(t.applied), str(t.skipped), str(t.undone)) for t in tables.tried(report)]
    table = _table(("rule", "applied", "skipped", "undone"), body)
    skipped = [f"{s.rule} at {s.node}: {s.reason}" for s in report.rules.skipped]
    undone = [f"undone {u.rule} at {u.node}: {tables.undoing(u)}" for u in report.rules.undone]
    return _fold("rules", "\n\n".join(p for p in (table, _list([*undone, *skipped])) if p))


def _layers(report: Report) -> str:
    lines = integers.layers(report)
    jump = "".join(f"\n\nThe error jumps at {quiet(x.layer)}." for x in lines if x.jump)
    table = _cut(integers.LAYER_HEAD, [x.cells for x in lines])
    return _fold("quantized layers", table + jump)


def _tried(report: Report) -> str:
    """The files that were measured for the plan, the noise of each layer, and how to override."""
    files = _table(integers.TRIED_HEAD, integers.tried(report))
    noise = _cut(integers.ALONE_HEAD, integers.alone(report))
    parts = [p for p in (files, noise) if p]
    return _fold("sensitivity", "\n\n".join([*parts, integers.OVERRIDE]) if parts else "")


def _cut(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """The table as far as a comment can hold it."""
    more = f"\n\nAnd {len(body) - _LISTED:,} more, in report.json." if len(body) > _LISTED else ""
    return _table(head, body[:_LISTED]) + more


def _left_float(report: Report) -> str:
    lines = [f"{name}: {why}" for name, why in report.left_float.items()]
    return _fold(f"left float: {figures.count(len(lines), 'tensor')}", _list(lines))


def _list(lines: Sequence[str]) -> str:
    shown = [f"- {quiet(text)}" for text in lines[:_LISTED]]
    if len(lines) > _LISTED:
        shown.append(f"- and {len(lines) - _LISTED:,} more, in report.json")
    return "\n".join(shown)


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    rows = [f"| {' | '.join(quiet(c) for c in row)} |" for row in body]
    if not rows:
        return ""
    titles = f"| {' | '.join(quiet(h) for h in head)} |"
    return "\n".join((titles, f"|{' --- |' * len(head)}", *rows))


def _fold(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>" if text else ""
