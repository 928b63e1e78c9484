from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from mcompile.backend import Executor
from mcompile.measure.stability import stability


class Scripted(Executor):
    """Gives its outputs one after the other, in one buffer."""

    def __init__(self, *outputs):
        self._next = count()
        self._outputs = outputs
        self._buffer = None

    def run(self, _):
        made = np.asarray(self._outputs[next(self._next) % len(self._outputs)])
        if self._buffer is None or self._buffer.shape != made.shape:
            self._buffer = made.copy()
        self._buffer[...] = made
        return {"y": self._buffer}

    def close(self):
        pass


def figures(*outputs, runs=4):
    return {m.name: m.value for m in stability(Scripted(*outputs), {}, runs=runs)}


def test_a_real_runtime_repeats_itself(linear, feeds, executor):
    rows = stability(executor(linear), feeds)
    assert [(m.name, m.value) for m in rows] == [("stability_std", 0.0), ("determinism", 0.0)]


def test_the_spread_is_relative_to_the_largest_output():
    found = figures([100.0, 1.0], [100.0, 3.0])
    assert found["stability_std"] == pytest.approx(np.std([1, 3, 1, 3]) / 100)


def test_runs_that_differ_from_the_first_are_counted():
    assert figures([1.0], [2.0], [1.0], [1.0])["determinism"] == 1


def test_a_last_bit_is_a_difference():
    assert figures(np.float32([0.0]), np.float32([-0.0]), runs=2)["determinism"] == 1


def test_a_buffer_that_the_runtime_reuses_hides_nothing():
    assert figures([1.0], [5.0], runs=2)["determinism"] == 1


def test_an_infinity_that_stays_is_stable():
    found = figures([np.inf, 1.0], [np.inf, 1.0])
    assert found == {"stability_std": 0.0, "determinism": 0.0}


def test_a_nan_that_comes_and_goes_is_no_number():
    assert np.isnan(figures([1.0], [np.nan])["stability_std"])


def test_a_shape_that_changes_is_no_number():
    found = figures([1.0], [1.0, 2.0], runs=2)
    assert np.isnan(found["stability_std"])
    assert found["determinism"] == 1


def test_integers_differ_or_do_not():
    found = figures(np.int64([3]), np.int64([4]), runs=2)
    assert found == {"stability_std": 0.0, "determinism": 1.0}
