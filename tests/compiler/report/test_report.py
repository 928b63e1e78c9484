"""All formats at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mcompile import report as reports
from mcompile.record import Report
from mcompile.report import document

FILES = ["junit.xml", "report.html", "report.json", "report.md", "report.sarif"]


@pytest.mark.parametrize("kind", ["sample", "hostile", "bare"])
def test_every_format_is_written(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    given: Report = request.getfixturevalue(kind)
    reports.write(given, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == FILES
    assert document.load((tmp_path / "report.json").read_bytes()) == given


def test_the_same_report_is_written_as_the_same_bytes(sample: Report, tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        reports.write(sample, folder)
    assert all((first / n).read_bytes() == (second / n).read_bytes() for n in FILES)


def test_asking_for_the_package_or_the_console_imports_nothing_heavy() -> None:
    heavy = "jinja2", "matplotlib", "msgspec", "numpy", "torch"
    code = f"import sys, mcompile.report.console; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
