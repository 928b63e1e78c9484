"""What a report says in words."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mcompile.options import Options
from mcompile.pipeline import build
from mcompile.remarks import _unnamed, headlines, strangers, value
from mcompile.targets import load
from mcompile.types import Measured, Port, Precision

from .conftest import program


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


@pytest.mark.parametrize(
    ("shape", "names", "warned"),
    [(("n", 10), 10, False), ((1, 10, 1, 1), 10, False), ((1, 10), 3, True), ((10, 4), 10, True),
     ((1, 10), 0, False)],
)  # fmt: skip
def test_labels_that_fit_no_output_are_warned_of(shape, names, warned) -> None:
    found = _unnamed(["a"] * names, [Port("y", "float32", shape)])
    assert found == ([f"{names} labels, and no output has as many numbers: y {list(shape)}"]
                     if warned else [])  # fmt: skip


def test_a_prediction_is_no_measured_value() -> None:
    rows = (Measured("latency_p50_ms", 1.0, "ms", low=0.5, high=2.0), Measured("x", 3.0, "ms"))
    assert value(rows, "latency_p50_ms") == float("inf")
    assert value(rows, "x") == 3.0


def told(mine, floats, *, choose=False, why="", present=None) -> tuple[str, ...]:
    """The first lines of an INT8 build of a model that was float, with these median latencies."""
    plan = SimpleNamespace(tensors={"w": None})
    outcome = SimpleNamespace(
        request=SimpleNamespace(
            because="",
            choose=choose,
            target=load("cpu-server"),
            backend=SimpleNamespace(holds=lambda _: present),
        ),
        forms={Precision.INT8: SimpleNamespace(plan=plan)},
        captured=program(),
    )
    found = {
        Precision.INT8: (Measured("latency_p50_ms", mine, "ms"),),
        Precision.FP32: (Measured("latency_p50_ms", floats, "ms"),),
    }
    return headlines(outcome, found, Precision.INT8, why)


@pytest.mark.parametrize(("p50", "word"), [(3.0, "slower than"), (2.02, "no faster than")])
def test_integers_slower_than_float_are_said_with_what_to_do(p50, word) -> None:
    [line] = told(p50, 2.0)
    assert line.startswith(f"int8 is {word} fp32 here: ")
    assert line.endswith("; --precision auto hands over the better")


def test_times_of_the_processor_are_no_word_on_an_accelerator_that_is_not_here() -> None:
    assert told(3.0, 2.0, present=False) == ()
    assert len(told(3.0, 2.0, present=True)) == 1


def test_integers_that_are_faster_need_no_word() -> None:
    assert told(1.0, 2.0) == ()


def test_a_choice_is_told_with_its_reason_and_not_advised_again() -> None:
    first, second = told(3.0, 2.0, choose=True, why="auto chose int8 (3 ms)")
    assert first == "auto chose int8 (3 ms)"
    assert second == "int8 is slower than fp32 here: 3 against 2 ms (p50)"


def test_a_tiny_net_on_integers_is_told_to_be_slower_on_the_first_line(data) -> None:
    options = Options(
        target="cpu-server", precision="int8", calibration=str(data / "calibration.npz"),
        runs=50, seconds=2, threads=1, out=str(data / "out"),
    )  # fmt: skip
    report = build(data / "net.onnx", options, lambda *_: None)
    mine, theirs = (v.find("latency_p50_ms").value for v in report.variants)
    # Which is faster is the machine's to decide; what is said must agree with what was measured.
    assert any("than fp32 here" in line for line in report.headlines) == (mine > theirs)
