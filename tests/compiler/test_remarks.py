"""What a report says in words."""

from __future__ import annotations

from types import SimpleNamespace

from mcompile.remarks import strangers, value
from mcompile.targets import load
from mcompile.types import Measured


def machine(reason: str, *alike: str) -> SimpleNamespace:
    """A machine that differs from every target but those named."""
    devices = [load(name).device for name in alike]
    return SimpleNamespace(matches=lambda d: (d in devices, "" if d in devices else reason))


def test_a_machine_that_is_no_target_is_not_called_one() -> None:
    [line] = strangers(load("cpu-server"), machine("it is odd"))
    assert line.startswith("this machine is no cpu-server: it is odd. ")


def test_a_machine_that_is_another_target_is_told_so() -> None:
    [line] = strangers(load("cpu-server"), machine("it has more", "cpu-server-vnni"))
    assert "it has more; it is a cpu-server-vnni." in line


def test_on_its_own_target_nothing_is_said() -> None:
    assert strangers(load("cpu-server"), machine("", "cpu-server")) == []


def test_a_prediction_is_no_measured_value() -> None:
    rows = (Measured("latency_p50_ms", 1.0, "ms", low=0.5, high=2.0), Measured("x", 3.0, "ms"))
    assert value(rows, "latency_p50_ms") == float("inf")
    assert value(rows, "x") == 3.0
