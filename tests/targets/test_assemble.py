from __future__ import annotations

from collections.abc import Callable

import pytest

from mcompile.targets import load, scenarios
from mcompile.types import Precision

Said = Callable[..., str]
Write = Callable[..., str]


def test_a_file_becomes_a_target(write: Write) -> None:
    pi = load(write())
    assert (pi.name, pi.backend, pi.precision) == ("pi", "onnxruntime", Precision.FP32)
    assert (pi.device.memory_mb, pi.budgets.latency_p99_ms) == (4096, 100)
    assert pi.budgets.soft == {"size_mb"}
    assert pi.legality[Precision.FP16].falls_back_to is Precision.FP32
    assert list(pi.legality) == list(Precision)


def test_a_source_counts_wherever_it_was_written(write: Write) -> None:
    pi = load(write(new='[sources]\nlegality.int8 = "a thread"\n'))
    assert pi.legality[Precision.INT8].source == "a thread"
    assert pi.sources["legality.fp16"] == "its data sheet"


@pytest.mark.parametrize(
    ("line", "what", "where"),
    [
        ('backend = "onnxruntime"\n', "backend is missing", "pi.toml"),
        ('precision = "fp32"\n', "precision is missing", "pi.toml"),
        ('arch = "x86_64"\n', "arch is missing", "pi.toml, [device]"),
    ],
)
def test_what_must_be_there_is_asked_for(
    write: Write, said: Said, line: str, what: str, where: str
) -> None:
    key = what.split(maxsplit=1)[0]
    assert said(load, write(line, "")) == f'{what}\n  in   {where}\n  try  {key} = "..."'


def test_an_instruction_set_cannot_be_had_and_lacked(write: Write, said: Said) -> None:
    name = write("memory_mb", 'isa = ["fma"]\nisa_without = ["fma"]\nmemory_mb')
    assert said(load, name) == (
        "fma is both in `isa` and in `isa_without`\n  in   pi.toml, [device]\n"
        "  try  take it out of one of them"
    )


def test_a_scenario_goes_over_the_profile_and_the_command_line_over_both(write: Write) -> None:
    pi = load(write(), "mobile-app", ["power_w=1"])
    assert (pi.budgets.size_mb, pi.budgets.power_w, pi.budgets.accuracy_min) == (10, 1, 80)
    assert pi.budgets.latency_p99_ms == 100
    assert pi.budgets.soft == set()


def test_a_scenario_may_bring_a_volume_of_requests(write: Write) -> None:
    assert load(write(), "cloud-batch").requests_per_day == 500 * 86_400
    assert load(write()).requests_per_day is None


def test_an_unknown_scenario_names_the_nearest(write: Write, said: Said) -> None:
    assert said(load, write(), "mobile") == (
        "mobile is not a scenario\n  in   --scenario mobile\n  try  mobile-app"
    )


def test_the_scenarios_have_limits_and_a_title() -> None:
    found = scenarios()
    assert set(found) == {"mobile-app", "realtime-video", "cloud-batch", "edge", "iot"}
    assert all(s.title != s.name == name for name, s in found.items())
    assert found["iot"].budgets.memory_peak_mb == 100
