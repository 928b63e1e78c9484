"""Runs that are timed one by one, and percentiles."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.tensorrt.device.timing import Course, percentile, time_runs


def test_what_is_counted(tmp_path):
    ran = []
    times = time_runs(ran.append, {"x": 1}, Course(3, 5), str(tmp_path))
    assert ran == [{"x": 1}] * 8
    assert len(times.samples_ms) == 5
    assert all(value >= 0 for value in times.samples_ms)
    assert (times.power_w, times.temperature_c) == (None, ())


def test_more_runs_for_the_power_are_not_counted(tmp_path):
    ran = []
    times = time_runs(ran.append, {}, Course(0, 2, 0.01, lambda: 3.0), str(tmp_path))
    assert len(ran) > 2
    assert (len(times.samples_ms), times.power_w) == (2, 3.0)


@pytest.mark.parametrize("share", [0, 50, 90, 99, 100])
@pytest.mark.parametrize("count", [1, 2, 7, 200])
def test_percentiles_are_numpys(share, count):
    samples = list(np.random.default_rng(count).uniform(1, 9, count))
    assert percentile(samples, share) == pytest.approx(np.percentile(samples, share))
