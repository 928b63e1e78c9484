"""The runtimes side by side, the one that was taken first, in every format."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from mcompile.record import Report, Rival
from mcompile.report import console, document, markdown, page, rivals
from mcompile.types import Precision, Verdict

from .conftest import HOSTILE


@pytest.fixture
def contested(sample: Report) -> Report:
    """The sample beside a runtime that lost, and one that was left out."""
    measured = tuple(
        replace(m, value=2 * m.value, counts=m.name != "latency_p50_ms")
        for m in sample.variants[0].measured
    )
    lost = Rival(
        "openvino", Precision.INT8, Verdict.PASSED, measured, missed=("sqnr_db_min", "size_mb")
    )
    out = Rival("litert", out="it is not installed here", fix="pip install litert")
    return replace(sample, rivals=(lost, out))


def test_every_runtime_is_a_row_under_the_figures_that_are_known(contested: Report) -> None:
    head, rows = rivals.head(contested), rivals.rows(contested)
    assert head == (
        "runtime", "precision", "verdict", "latency p50", "latency p90", "latency p99", "size",
        "accuracy", "agreement", "SQNR", "note",
    )  # fmt: skip
    assert {len(row) for row in rows} == {len(head)}
    taken, lost, out = rows
    assert taken[:4] == ("onnxruntime", "int8", "failed", "8.31 ms")
    assert taken[-1] == rivals.TAKEN
    assert lost[:4] == ("openvino", "int8", "passed", "16.6 ms, measured elsewhere")
    assert lost[-1] == "misses SQNR, size"
    assert lost[head.index("SQNR")] == "37.5 dB, simulated"
    assert out == (
        "litert", *[""] * 9, "left out: it is not installed here; pip install litert",
    )  # fmt: skip


def test_without_a_contest_there_is_nothing_to_show(sample: Report, bare: Report) -> None:
    assert rivals.rows(sample) == rivals.rows(bare) == ()
    assert 'id="runtimes"' not in page.render(sample)


def test_a_report_without_measurements_is_shown(bare: Report) -> None:
    out = replace(bare, rivals=(Rival("openvino", out="why"),))
    assert rivals.head(out) == ("runtime", "precision", "verdict", "note")
    assert "left out: why" in page.render(out)


def shown(report: Report) -> str:
    to = Console(file=StringIO(), width=200)
    console.show(report, to)
    return to.file.getvalue()


def test_the_runtimes_are_in_every_format(contested: Report) -> None:
    for text in (shown(contested), page.render(contested), markdown.render(contested)):
        assert "openvino" in text
        assert "left out: it is not installed here" in text
    assert "| openvino | int8 | passed |" in markdown.render(contested)
    assert document.load(document.dump(contested)).rivals == contested.rivals


def test_hostile_names_are_text(hostile: Report) -> None:
    told = replace(hostile, rivals=(Rival(HOSTILE, out=HOSTILE, fix=HOSTILE),))
    assert "<script>" not in page.render(told)
    assert "\x1b" not in shown(told)
    assert "<script>" not in markdown.render(told)
