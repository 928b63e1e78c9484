"""A report for a test dashboard: one test case a check.

A hard budget that failed is a failure; one that nothing proved is skipped, which a dashboard counts
and shows; a soft limit that was missed informs in the output of a case that passed.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from mcompile.record import Report
from mcompile.report import figures, tables


def render(report: Report) -> bytes:
    """The JUnit XML of the report, UTF-8."""
    rows = tables.rows(report)
    counts = {
        "tests": str(len(rows)),
        "failures": str(sum(r.state == "failed" for r in rows)),
        "errors": "0",
        "skipped": str(sum(r.state == "unproven" for r in rows)),
        "time": f"{sum(s.seconds for s in report.stages):.3f}",
    }
    root = Element("testsuites", {"name": "mcompile", **counts})
    suite = SubElement(root, "testsuite", {"name": _suite(report), **counts})
    _properties(suite, report)
    for row in rows:
        _case(suite, row, report)
    indent(root)
    return bytes(tostring(root, "utf-8", xml_declaration=True)) + b"\n"


def _suite(report: Report) -> str:
    return figures.line(f"{report.model} {report.target} {report.built.value}")


def _properties(suite: Element, report: Report) -> None:
    facts = {
        "model": report.model,
        "target": report.target,
        "backend": report.backend,
        "requested": report.requested.value,
        "built": report.built.value,
        "verdict": report.verdict.value,
        "folder": report.folder,
    }
    box = SubElement(suite, "properties")
    for name, value in (facts | dict(report.environment)).items():
        SubElement(box, "property", name=figures.line(name), value=figures.line(value))


def _case(suite: Element, row: tables.Row, report: Report) -> None:
    place = figures.line(f"mcompile.{report.target}.{report.model}")
    case = SubElement(suite, "testcase", classname=place, name=row.name, time="0")
    story = _story(row)
    if row.state == "failed":
        failure = SubElement(case, "failure", message=story[0], type="budget")
        failure.text = "\n".join(story)
    elif row.state == "unproven":
        SubElement(case, "skipped", message=f"unproven: {story[0]}")
    SubElement(case, "system-out").text = "\n".join(story)


def _story(row: tables.Row) -> list[str]:
    limit = f", limit {row.limit}" if row.limit else ""
    source = f" ({row.source})" if row.source else ""
    first = f"{row.label} {row.found}{source}{limit}"
    if row.state == "missed":
        first += ": a soft limit was missed"
    return [first, *(w for w in (row.because, row.advice) if w)]
