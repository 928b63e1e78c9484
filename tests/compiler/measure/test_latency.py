from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcompile.backend import Executor
from mcompile.measure.latency import SETTLE_RUNS, TURN_RUNS, interleaved, summarize


class Ticking(Executor):
    """Takes `ms` on a clock that only its runs move."""

    now = 0

    def __init__(self, name, ms, log):
        self.name, self.ms, self.log = name, ms, log

    def run(self, feeds):
        Ticking.now += int(self.ms(len(self.log)) * 1e6)
        self.log.append(self.name)
        return feeds

    def close(self):
        pass


def clock():
    return Ticking.now


def steady(ms):
    return lambda _: ms


def test_each_executor_gets_its_own_times():
    log = []
    pair = {"a": Ticking("a", steady(2.0), log), "b": Ticking("b", steady(5.0), log)}
    times = interleaved(pair, {}, runs=30, warmup=0, clock=clock)
    assert times == {"a": (2.0,) * 30, "b": (5.0,) * 30}


def test_executors_take_turns_that_open_with_uncounted_runs():
    log = []
    pair = {n: Ticking(n, steady(1.0), log) for n in "ab"}
    interleaved(pair, {}, runs=2 * TURN_RUNS, warmup=0, clock=clock)
    turn = SETTLE_RUNS + TURN_RUNS
    assert "".join(log) == ("a" * turn + "b" * turn) * 2


def test_a_sole_executor_has_nobody_to_settle_from():
    log = []
    interleaved({"a": Ticking("a", steady(1.0), log)}, {}, runs=50, warmup=0, clock=clock)
    assert len(log) == 50


def test_time_ends_the_loop_after_everybody_had_a_turn():
    log = []
    pair = {n: Ticking(n, steady(400.0), log) for n in "ab"}
    times = interleaved(pair, {}, runs=1000, seconds=1.0, warmup=0, clock=clock)
    assert {n: len(t) for n, t in times.items()} == {"a": 2, "b": 2}


def test_a_run_longer_than_a_turn_still_counts_once():
    times = interleaved(
        {"a": Ticking("a", steady(9e3), [])}, {}, runs=9, seconds=1.0, warmup=0, clock=clock
    )
    assert times == {"a": (9e3,)}


def test_warming_up_ends_when_times_have_settled():
    log = []
    falling = Ticking("a", lambda n: max(1.0, 20.0 - n), log)
    times = interleaved({"a": falling}, {}, runs=5, warmup=100, clock=clock)["a"]
    assert times == (1.0,) * 5
    assert len(log) < 5 + 40


def test_warming_up_ends_at_its_limit_where_times_never_settle():
    log = []
    restless = Ticking("a", lambda n: 1.0 + n, log)
    interleaved({"a": restless}, {}, runs=1, warmup=7, clock=clock)
    assert len(log) == 8


@given(st.lists(st.floats(1e-3, 1e4), min_size=1, max_size=300))
def test_percentiles_lie_in_order_between_the_extremes(times):
    rows = {m.name: m.value for m in summarize(times)}
    order = ["min_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms"]
    found = [rows[f"latency_{n}"] for n in order]
    assert found == pytest.approx(sorted(found))
    assert found[0] == min(times)
    assert found[-1] == max(times)
    assert rows["latency_mean_ms"] == pytest.approx(sum(times) / len(times))


@given(st.lists(st.floats(1e-3, 1e4), min_size=1, max_size=60), st.sampled_from([50, 90, 99]))
def test_a_percentile_is_the_interpolated_order_statistic(times, q):
    place = (len(times) - 1) * q / 100
    ordered = np.sort(times)
    low, high = ordered[int(np.floor(place))], ordered[int(np.ceil(place))]
    rows = {m.name: m.value for m in summarize(times)}
    assert rows[f"latency_p{q}_ms"] == pytest.approx(low + (high - low) * (place % 1))


@pytest.mark.parametrize(("runs", "few"), [(99, True), (100, False)])
def test_a_99th_percentile_of_few_runs_says_so(runs, few):
    row = next(m for m in summarize([1.0] * runs) if m.name == "latency_p99_ms")
    assert ("too few" in row.note) is few


def test_no_runs_make_no_figures():
    assert summarize([]) == ()


def test_the_distribution_is_kept_in_order():
    made = count(1)
    log = []
    rising = Ticking("a", lambda _: float(next(made)), log)
    times = interleaved({"a": rising}, {}, runs=4, warmup=0, clock=clock)
    assert times["a"] == (1.0, 2.0, 3.0, 4.0)
