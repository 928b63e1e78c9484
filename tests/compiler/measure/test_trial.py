"""Every form gets every number, all forms on the same data and in one run."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from mcompile.errors import ContractError
from mcompile.measure import trial as trials
from mcompile.measure.accuracy import find
from mcompile.measure.trial import Effort, measure
from mcompile.oracle import Oracle
from mcompile.types import Measured, Sample, Samples

QUICK = Effort(runs=3, seconds=0.2)


def labelled(program, count: int = 6) -> Samples:
    """Seeded inputs with the class that the program itself gives them."""
    rng, oracle = np.random.default_rng(2), Oracle(program)
    feeds = [{"x": rng.standard_normal((1, 4)).astype(np.float32)} for _ in range(count)]
    made = [Sample(f, oracle.run(f)["y"].argmax(1)) for f in feeds]
    return Samples("seeded", lambda: iter(made), count)


def wrong(feeds):
    """Outputs in reverse: another class for every input."""
    return {name: -value for name, value in feeds.items()}


@pytest.fixture
def quiet_memory(monkeypatch):
    """Memory is measured in a process of its own, which has a test of its own."""
    monkeypatch.setattr(trials, "peak", lambda *_: (Measured("memory_peak_mb", 1, "MB"),))


def ran(linear, executor, metric="top1", **spoil):
    forms = {name: partial(executor, linear, how) for name, how in spoil.items()}
    metric = find(metric) if metric else None
    return measure(forms, Oracle(linear), labelled(linear), metric, linear.inputs, QUICK)


@pytest.mark.usefixtures("quiet_memory")
def test_every_form_has_every_number(linear, executor) -> None:
    found = ran(linear, executor, same=lambda f: f, other=wrong)
    assert set(found) == {"same", "other"}
    for each in found.values():
        names = {m.name for m in each.measured}
        assert {"latency_p50_ms", "latency_p99_ms", "fps", "throughput_qps", "stability_std",
                "determinism", "memory_peak_mb"} <= names  # fmt: skip
        assert len(each.latency_ms) == 3
        assert not each.faults


@pytest.mark.usefixtures("quiet_memory")
def test_what_follows_from_the_arithmetic_is_kept_apart(linear, executor) -> None:
    found = ran(linear, executor, same=lambda f: f, other=wrong)
    value = {n: {m.name: m.value for m in t.arithmetic} for n, t in found.items()}
    assert value["same"]["accuracy"] == 100.0
    assert value["other"]["accuracy"] < 100.0
    assert value["same"]["sqnr_db"] > 100
    assert value["other"]["sqnr_db"] < 0
    for each in found.values():
        assert {m.name: m.value for m in each.oracle}["accuracy"] == 100.0
        assert not {m.name for m in each.measured} & {"accuracy", "sqnr_db", "agreement"}


@pytest.mark.usefixtures("quiet_memory")
def test_without_a_metric_nothing_is_said_of_accuracy(linear, executor) -> None:
    found = ran(linear, executor, metric="", same=lambda f: f)
    names = {m.name for m in found["same"].arithmetic}
    assert "agreement" in names
    assert "accuracy" not in names


def test_memory_that_cannot_be_measured_is_said_and_costs_no_other_number(
    linear, executor, monkeypatch
) -> None:
    def fails(opened, feeds):
        raise ContractError("the child died")

    monkeypatch.setattr(trials, "peak", fails)
    found = ran(linear, executor, same=lambda f: f)["same"]
    assert found.faults == ("memory could not be measured: the child died",)
    assert {m.name for m in found.measured} >= {"latency_p50_ms"}
    assert "memory_peak_mb" not in {m.name for m in found.measured}


@pytest.mark.usefixtures("quiet_memory")
def test_every_executor_is_closed_when_a_measurement_fails(linear, executor) -> None:
    closed = []

    class Closing(executor):
        def close(self):
            closed.append(self)

    def refuses(feeds):
        raise KeyError("no")

    forms = {n: partial(Closing, linear, how) for n, how in (("a", dict), ("b", refuses))}
    with pytest.raises(KeyError):
        measure(forms, Oracle(linear), labelled(linear), None, linear.inputs, QUICK)
    assert len(closed) == 2


def test_what_stands_in_for_a_device_is_never_timed(linear, executor, monkeypatch) -> None:
    monkeypatch.setattr(trials, "peak", lambda *_: pytest.fail("measured its memory"))
    monkeypatch.setattr(executor, "stands_in", True)
    found = ran(linear, executor, there=lambda f: f)["there"]
    assert found.simulated
    assert (found.measured, found.latency_ms, found.layers) == ((), (), ())
    assert {"accuracy", "sqnr_db", "agreement"} <= {m.name for m in found.arithmetic}
