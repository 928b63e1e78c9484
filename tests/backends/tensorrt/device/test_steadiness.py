"""Whether runs of one input agree is counted, and how far they lie apart."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.tensorrt.device.steadiness import RUNS, steadiness


def test_equal_runs_have_no_spread() -> None:
    out = {"y": np.ones((1, 3), np.float32)}
    assert steadiness(lambda _: out, {}) == (0, 0.0)


def test_runs_that_differ_are_counted_with_their_spread() -> None:
    made = iter(range(RUNS))

    def run(_):
        return {"y": np.array([4.0, 1.0 if next(made) == 3 else 0.0], np.float32)}

    found = steadiness(run, {})
    assert found.differed == 1
    assert found.spread == pytest.approx(np.std([1.0] + [0.0] * (RUNS - 1)) / 4)


def test_a_buffer_that_is_handed_out_again_is_no_agreement() -> None:
    buffer = np.zeros(2, np.float32)

    def run(_):
        buffer[0] += 1
        return {"y": buffer}

    assert steadiness(run, {}).differed == RUNS - 1


def test_integers_that_differ_have_no_spread() -> None:
    made = iter(range(RUNS))
    assert steadiness(lambda _: {"y": np.array([next(made)])}, {}) == (RUNS - 1, 0.0)
