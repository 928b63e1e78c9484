from __future__ import annotations

from collections.abc import Callable

import pytest

from mcompile.profile import Budgets
from mcompile.targets.limits import Limits, limits, override

Said = Callable[..., str]


def test_a_section_of_budgets_becomes_the_noun() -> None:
    found = limits({"budgets": {"size_mb": 5, "fps": 30, "soft": ["fps"]}}, "pi.toml")
    assert found.budgets("pi.toml") == Budgets(size_mb=5.0, fps=30.0, soft=frozenset({"fps"}))


def test_who_states_a_limit_states_whether_it_is_hard() -> None:
    below = Limits({"size_mb": 5, "fps": 30}, frozenset({"size_mb", "fps"}))
    assert Limits({"size_mb": 3}).over(below) == Limits(
        {"size_mb": 3, "fps": 30}, frozenset({"fps"})
    )


def test_a_layer_may_soften_a_limit_it_does_not_restate() -> None:
    below = Limits({"size_mb": 5})
    assert Limits({}, frozenset({"size_mb"})).over(below).soft == {"size_mb"}


def test_an_unknown_budget_names_the_nearest(said: Said) -> None:
    assert said(limits, {"budgets": {"latency_msec": 5}}, "targets/pi4.toml") == (
        "latency_msec is not a budget\n  in   targets/pi4.toml, [budgets]\n"
        "  try  latency_p50_ms, latency_p90_ms or latency_p99_ms"
    )


def test_an_unknown_soft_name_names_the_nearest(said: Said) -> None:
    assert said(limits, {"budgets": {"soft": ["size"]}}, "pi.toml") == (
        "size is not a budget\n  in   pi.toml, [budgets] soft\n  try  size_mb"
    )


def test_soft_is_a_list(said: Said) -> None:
    assert said(limits, {"budgets": {"soft": "fps"}}, "pi.toml").startswith(
        'soft is "fps", not a list of texts'
    )


@pytest.mark.parametrize("value", [-1, float("nan")])
def test_a_limit_that_nothing_can_mean_is_refused(said: Said, value: float) -> None:
    assert said(limits, {"budgets": {"size_mb": value}}, "pi.toml") == (
        f"size_mb is {value:g}, not a number of 0 or more\n  in   pi.toml, [budgets]\n"
        "  try  size_mb = a number of 0 or more, or leave it out"
    )


def test_a_soft_name_without_a_limit_is_refused(said: Said) -> None:
    assert said(Limits({}, frozenset({"fps"})).budgets, "pi.toml") == (
        "fps is soft but has no limit\n  in   pi.toml, [budgets]\n"
        "  try  fps = a number, or leave it out of `soft`"
    )


def test_the_command_line_wins_and_is_hard() -> None:
    below = Limits({"size_mb": 5, "fps": 30}, frozenset({"size_mb"}))
    assert override(below, ["size_mb=3.5", "power_w=2"]) == Limits(
        {"fps": 30, "size_mb": 3.5, "power_w": 2}
    )


def test_none_takes_a_limit_away() -> None:
    below = Limits({"size_mb": 5, "fps": 30}, frozenset({"size_mb"}))
    assert override(below, ["size_mb=none"]) == Limits({"fps": 30})


@pytest.mark.parametrize(
    ("item", "what", "fix"),
    [
        ("latncy_p50_ms=5", "latncy_p50_ms is not a budget", "latency_p50_ms"),
        ("=5", "an empty name is not a budget", "size_mb, memory_peak_mb, "),
        ("soft=5", "soft is not a budget", "size_mb, "),
        ("size_mb=5MB", '"5MB" is not a number of 0 or more', "--budget size_mb=50 (the unit "),
        ("size_mb", '"" is not a number of 0 or more', "--budget size_mb=50 (the unit "),
        ("size_mb=nan", '"nan" is not a number of 0 or more', "--budget size_mb=50 (the unit "),
        ("size_mb=-1", '"-1" is not a number of 0 or more', "--budget size_mb=50 (the unit "),
    ],
)
def test_a_bad_override_is_refused(said: Said, item: str, what: str, fix: str) -> None:
    first, where, last = said(override, Limits(), [item]).splitlines()
    assert first == what
    assert where == f"  in   --budget {item}"
    assert last.startswith(f"  try  {fix}")
