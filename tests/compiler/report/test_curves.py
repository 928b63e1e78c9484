"""The error along the network, and the files that were tried, as plots."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from mcompile.record import QuantLayer, Report, TriedRow
from mcompile.report import curves, plots
from mcompile.types import Check, Verdict

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(f'<r xmlns:xlink="http://www.w3.org/1999/xlink">{svg}</r>')[0]


def dots(svg: str, role: str) -> int:
    """How many markers of that colour were drawn."""
    return sum(
        role in (use.get("style") or "") and "stroke-width" not in (use.get("style") or "")
        for use in parsed(svg).iter(f"{SVG}use")
    )


def test_each_layer_with_an_error_is_a_dot_and_the_jump_is_marked(sample: Report) -> None:
    svg = curves.along(sample)
    # Of twenty, one is exact and one stayed float.
    assert dots(svg, "var(--series-1)") == 18
    assert dots(svg, "var(--series-0)") == 1
    assert "the error jumps" in svg
    calm = tuple(replace(x, jump=False) for x in sample.quantized_layers)
    assert "the error jumps" not in curves.along(replace(sample, quantized_layers=calm))


def test_each_file_that_was_timed_is_a_dot_and_the_taken_one_stands_out(sample: Report) -> None:
    svg = curves.tried(sample)
    assert (dots(svg, "var(--series-0)"), dots(svg, "var(--series-1)")) == (3, 1)


@pytest.mark.parametrize(("limit", "drawn"), [(20.0, True), (300.0, False)])
def test_the_limit_is_drawn_where_it_is_near(sample: Report, limit: float, drawn: bool) -> None:
    check = Check("sqnr_db_min", limit, None, Verdict.FAILED)
    assert (">limit<" in curves.tried(replace(sample, checks=(check,)))) is drawn


def test_nothing_is_drawn_where_there_are_not_two_points(bare: Report) -> None:
    assert (curves.along(bare), curves.tried(bare)) == ("", "")
    one = QuantLayer("a", "Conv", "x", sqnr_db=10.0)
    exact = QuantLayer("b", "Conv", "x", sqnr_db=200.0)
    assert curves.along(replace(bare, quantized_layers=(one, exact))) == ""
    rows = (TriedRow("a", (), 9.0, 1.0, True), TriedRow("b", (), 9.0, 0.0, False))
    assert curves.tried(replace(bare, tried=rows)) == ""


def test_equal_points_and_hundreds_of_layers_are_drawn(sample: Report) -> None:
    same = (TriedRow("a", (), 9.0, 1.0, True), TriedRow("b", (), 9.0, 1.0, False))
    assert curves.tried(replace(sample, tried=same)).startswith("<svg")
    many = sample.quantized_layers * 30
    svg = curves.along(replace(sample, quantized_layers=many))
    assert dots(svg, "var(--series-1)") == 0
    assert len(svg) < 60_000


def test_no_name_of_the_model_is_written_into_a_plot(hostile: Report) -> None:
    for svg in (curves.along(hostile), curves.tried(hostile)):
        assert svg
        assert "alert" not in svg


def test_plots_of_one_page_share_no_id(sample: Report) -> None:
    made = [curves.along(sample), curves.tried(sample), plots.latency(sample)]
    ids = [e.get("id") for svg in made for e in parsed(svg).iter() if e.get("id")]
    assert len(ids) == len(set(ids)) > 30
    for svg in made:
        own = {e.get("id") for e in parsed(svg).iter()}
        links = [u.get("{http://www.w3.org/1999/xlink}href") for u in parsed(svg).iter(f"{SVG}use")]
        assert {str(link)[1:] for link in links} <= own


def test_the_same_report_gives_the_same_plots(sample: Report) -> None:
    assert curves.along(sample) == curves.along(sample)
    assert curves.tried(sample) == curves.tried(sample)
