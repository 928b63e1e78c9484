"""Aligned columns."""

from __future__ import annotations

from mcompile.report.columns import align


def test_columns_are_as_wide_as_their_widest_cell_and_nothing_trails() -> None:
    rows = [[("a", ""), ("b", "")], [("long", ""), ("", "")]]
    assert [t.plain for t in align(rows)] == ["  a      b", "  long"]


def test_a_wide_character_counts_as_two() -> None:
    rows = [[("漢", ""), ("b", "")], [("ab", ""), ("c", "")]]
    assert [t.plain for t in align(rows)] == ["  漢   b", "  ab   c"]


def test_rows_may_differ_in_length_and_none_is_none() -> None:
    assert [t.plain for t in align([[("a", "")], [("b", ""), ("c", "")]])] == ["  a", "  b   c"]
    assert align([]) == []
