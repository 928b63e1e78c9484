from __future__ import annotations

import pytest

from mcompile.wording import choice, nearest, shown

BUDGETS = ["size_mb", "latency_p50_ms", "latency_p90_ms", "latency_p99_ms", "cost_usd_per_day"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("latency_msec", "latency_p50_ms, latency_p90_ms or latency_p99_ms"),
        ("latency", "latency_p50_ms, latency_p90_ms or latency_p99_ms"),
        ("SIZE-MB", "size_mb"),
        ("latency_p9_ms", "latency_p90_ms or latency_p99_ms"),
        ("cost", "cost_usd_per_day"),
    ],
)
def test_the_nearest_names_keep_their_own_order(word: str, meant: str) -> None:
    assert nearest(word, BUDGETS) == meant


def test_a_word_that_is_near_nothing_gets_the_whole_list() -> None:
    assert nearest("xyzzy", ["fp32", "fp16", "int8"]) == "fp32, fp16 or int8"


def test_names_with_hyphens_are_found_and_kept() -> None:
    assert nearest("int8_dynamc", ["fp32", "int8-dynamic"]) == "int8-dynamic"


def test_one_choice_stands_alone() -> None:
    assert choice(["fp32"]) == "fp32"


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), ("4 GB", '"4 GB"'), (4.5, "4.5"), ([1, 2], "[1, 2]")]
)
def test_values_are_shown_as_toml_writes_them(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_long_value_is_cut() -> None:
    assert shown("x" * 100) == '"' + "x" * 36 + "..."
