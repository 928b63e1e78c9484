"""What accelerators take, in every format, and nowhere where no runtime tells."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from mcompile.coverage import Coverage
from mcompile.record import Report
from mcompile.report import console, delegates, document, markdown, page
from mcompile.types import Provenance

from .conftest import HOSTILE


@pytest.fixture
def covered(sample: Report) -> Report:
    rows = (
        Coverage("XNNPACK", 9, 9, 1, macs_percent=100.0, provenance=Provenance.MEASURED),
        Coverage("NNAPI", 9, 6, 2, ("3 MUL: why",), 83.96, source="a document"),
        Coverage("GPU", 9, 0, 0, ("9 ADD: why",)),
    )
    return replace(sample, coverage=rows)


def shown(report: Report, verbose: bool = False) -> str:
    out = StringIO()
    console.show(report, Console(file=out, width=300), verbose)
    return out.getvalue()


def test_each_delegate_is_a_row(covered: Report) -> None:
    assert delegates.rows(covered) == (
        ("XNNPACK", "9 of 9", "100 %", "nothing", "told by the runtime here"),
        ("NNAPI", "6 of 9, in 2 parts", "84 %", "3 MUL: why", "not run: a document"),
        ("GPU", "0 of 9", "", "9 ADD: why", "not run"),
    )


def test_reports_without_them_say_nothing(sample: Report) -> None:
    assert delegates.rows(sample) == ()
    assert "delegate" not in shown(sample, True) + markdown.render(sample)
    assert 'id="delegates"' not in page.render(sample)


def test_every_format_shows_them(covered: Report) -> None:
    assert "6 of 9, in 2 parts" in shown(covered)
    assert "3 MUL: why" not in shown(covered)
    assert "3 MUL: why" in shown(covered, True)
    assert "not run: a document" in markdown.render(covered)
    assert 'id="delegates"' in page.render(covered)
    assert document.load(document.dump(covered)) == covered


def test_hostile_names_do_no_harm(covered: Report) -> None:
    hostile = replace(covered, coverage=(Coverage(HOSTILE, 1, 0, 0, (HOSTILE,), source=HOSTILE),))
    assert HOSTILE not in page.render(hostile)
    assert HOSTILE not in markdown.render(hostile)
