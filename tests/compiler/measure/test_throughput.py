from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from mcompile.measure.throughput import batched, fps, throughput
from mcompile.types import Port


def test_a_batch_is_made_where_the_leading_dimension_is_open(linear, feeds, executor):
    clock = (n * 2_000_000 for n in count())
    run = executor(linear)
    row = throughput(run, feeds, linear.inputs, batch=8, runs=10, clock=lambda: next(clock))
    assert {f["x"].shape for f in run.calls} == {(8, 4)}
    assert row.value == pytest.approx(8 / 2e-3)
    assert (row.name, row.unit, row.note) == ("throughput_qps", "1/s", "batch 8")


def test_a_fixed_leading_dimension_stays_at_batch_1_and_says_so():
    feeds = {"x": np.zeros((1, 4), np.float32)}
    chosen, size, note = batched(feeds, (Port("x", "float32", (1, 4)),), 8)
    assert chosen is feeds
    assert size == 1
    assert note == "batch 1, not 8: the leading dimension is fixed"


@pytest.mark.parametrize(
    "other", [Port("b", "float32", ("M",)), Port("b", "float32", ()), Port("b", "int64", (1,))]
)
def test_inputs_that_do_not_share_an_open_dimension_are_not_batched(other):
    feeds = {"a": np.zeros((1,), np.float32), "b": np.zeros(other.shape and (1,), np.float32)}
    assert batched(feeds, (Port("a", "float32", ("N",)), other), 4)[1] == 1


def test_frames_a_second_are_the_inverse_of_the_mean_time():
    (row,) = fps([10.0, 30.0])
    assert (row.name, row.value) == ("fps", pytest.approx(50.0))
    assert fps([]) == ()
