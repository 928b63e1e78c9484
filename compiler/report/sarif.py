"""A report for a code-scanning view, in SARIF 2.1.0.

A failed hard budget is an error, a missed soft limit or a warning of the build is a warning, and
what nothing proved is a note. What passed is not a finding.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote

import msgspec

from mcompile.record import Report
from mcompile.report import figures, tables

_LEVELS = {"failed": "error", "missed": "warning", "unproven": "note"}
_WARNING = "build-warning"
_HELP = (
    "The limit comes from the target's profile, a scenario, the model card or the command line. "
    "A measured value is from the device itself, a simulated one from its arithmetic computed on "
    "another machine, a predicted one is an interval."
)


def render(report: Report) -> bytes:
    """The SARIF log of the report, UTF-8 JSON."""
    run = {
        "tool": {"driver": _driver(report)},
        "invocations": [{"executionSuccessful": True}],
        "originalUriBaseIds": {"OUT": {"description": {"text": "the folder of the artifact"}}},
        "columnKind": "unicodeCodePoints",
        "results": _results(report),
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return msgspec.json.format(msgspec.json.encode(log), indent=2) + b"\n"


def _driver(report: Report) -> dict[str, Any]:
    names = dict.fromkeys(row.name for row in tables.rows(report))
    rules = [_rule(n, f"{figures.label(n)} within its limit", _HELP, "error") for n in names]
    told = "Something a reader of the build should know; no limit is attached to it."
    rules.append(_rule(_WARNING, "a warning of the build", told, "warning"))
    return {"name": "mcompile", "version": _version(), "rules": rules}


def _rule(name: str, short: str, text: str, level: str) -> dict[str, Any]:
    return {
        "id": name,
        "shortDescription": {"text": short},
        "fullDescription": {"text": text},
        "help": {"text": text},
        "defaultConfiguration": {"level": level},
    }


def _version() -> str:
    try:
        return version("mcompile")
    except PackageNotFoundError:
        return "unknown"


def _results(report: Report) -> list[dict[str, Any]]:
    index = {r["id"]: i for i, r in enumerate(_driver(report)["rules"])}
    found = [
        (r.name, _LEVELS[r.state], _message(r)) for r in tables.rows(report) if r.state in _LEVELS
    ]
    found += [(_WARNING, "warning", figures.line(w)) for w in report.warnings]
    return [
        {
            "ruleId": name,
            "ruleIndex": index[name],
            "level": level,
            "message": {"text": text},
            "locations": [_location(report)],
            "partialFingerprints": {"check/v1": _fingerprint(report, name, text)},
        }
        for name, level, text in found
    ]


def _message(row: tables.Row) -> str:
    limit = f", limit {row.limit}" if row.limit else ""
    source = f" ({row.source})" if row.source else ""
    first = f"{row.label} is {row.state}: {row.found}{source}{limit}."
    return " ".join((first, *(f"{w.rstrip('.')}." for w in (row.because, row.advice) if w)))


def _location(report: Report) -> dict[str, Any]:
    files = report.artifact.files if report.artifact else ()
    path = files[0].path if files else "report.json"
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(path, errors="replace"), "uriBaseId": "OUT"},
            "region": {"startLine": 1},
        },
        "logicalLocations": [{"name": figures.line(report.model), "kind": "module"}],
    }


def _fingerprint(report: Report, name: str, text: str) -> str:
    # A check keeps its identity from build to build while its value moves; a warning has only text.
    what = text if name == _WARNING else name
    return figures.line(f"{report.model}/{report.target}/{report.built.value}/{what}")
