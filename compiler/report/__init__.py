"""What a build says about itself, in every format that somebody reads."""

from __future__ import annotations

from pathlib import Path

from mcompile.record import Report


def write(report: Report, folder: Path) -> None:
    """Write report.json, report.html, report.md, junit.xml and report.sarif into `folder`."""
    # jinja2 and msgspec cost startup time, which a command without a report must not pay.
    from mcompile.report import document, junit, markdown, page, sarif

    (folder / "report.json").write_bytes(document.dump(report))
    (folder / "report.html").write_bytes(page.render(report).encode())
    (folder / "report.md").write_bytes(markdown.render(report).encode())
    (folder / "junit.xml").write_bytes(junit.render(report))
    (folder / "report.sarif").write_bytes(sarif.render(report))
