"""How many rows make a sample follows from the ranks of the data and of the input."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.errors import SamplesError
from mcompile.samples.source import Chunk, Wanted
from mcompile.samples.steps import Step, cut, label_step, same_number, step
from mcompile.types import Port

ONE = Port("x", "float32", (1, 3))
FOUR = Port("x", "float32", (4, 3))
ANY = Port("x", "float32", ("batch", 3))
SCALAR = Port("x", "float32", ())
VECTOR = Port("x", "float32", (3,))


@pytest.mark.parametrize(
    ("shape", "port", "stacked", "expected"),
    [
        ((9, 3), ONE, True, Step(1)),
        ((9, 3), ANY, True, Step(1)),
        ((9, 3), FOUR, True, Step(4)),
        ((9, 4, 3), FOUR, True, Step(1, bare=True)),
        ((9, 3), VECTOR, True, Step(1, bare=True)),
        ((9,), SCALAR, True, Step(1, bare=True)),
        ((3,), ONE, False, Step(1)),
        ((), SCALAR, False, Step(1, bare=True)),
        ((3,), VECTOR, False, Step(3)),
    ],
)
def test_ranks_tell_the_cut(
    shape: tuple[int, ...], port: Port, stacked: bool, expected: Step
) -> None:
    assert step(shape, port, stacked, "here") == expected


@pytest.mark.parametrize(
    ("shape", "port", "stacked"),
    [((3,), ONE, True), ((), SCALAR, True), ((), ONE, False), ((1, 1, 1, 3), ONE, False)],
)
def test_another_rank_is_refused(shape: tuple[int, ...], port: Port, stacked: bool) -> None:
    with pytest.raises(SamplesError, match="x takes arrays of N"):
        step(shape, port, stacked, "here")


def test_inputs_of_different_numbers_are_refused() -> None:
    assert same_number({"x": 3.0, "y": 3.0}, "here") == 3
    with pytest.raises(SamplesError, match="3 of x, 4 of y"):
        same_number({"x": 3.0, "y": 4.0}, "here")


def test_labels_go_with_rows_or_with_samples() -> None:
    assert label_step(8, 2, Step(4), "here") == Step(4)
    assert label_step(2, 2, Step(4), "here") == Step(1, bare=True)
    with pytest.raises(SamplesError, match="5 labels for 8 samples"):
        label_step(5, 2, Step(4), "here")


def test_inputs_with_and_without_a_batch_go_together() -> None:
    boxes = Port("boxes", "float32", (10, 4))
    chunk = Chunk(
        {"x": np.zeros((5, 3)), "boxes": np.zeros((5, 10, 4))}, np.arange(5), stacked=True
    )
    found = cut(chunk, Wanted((ONE, boxes)), "here")
    assert found.number == 5
    assert found.steps == {"x": Step(1), "boxes": Step(1, bare=True)}
    assert found.label_step == Step(1)


def test_the_label_of_one_sample_may_have_any_shape() -> None:
    found = cut(Chunk({"x": np.zeros(3)}, np.zeros((7, 2))), Wanted((ONE,)), "here")
    assert found.labels is not None
    assert found.labels.shape == (1, 7, 2)


def test_labels_of_a_stack_of_one_are_counted() -> None:
    chunk = Chunk({"x": np.zeros((1, 3))}, np.arange(5), stacked=True)
    with pytest.raises(SamplesError, match="5 labels for 1 samples"):
        cut(chunk, Wanted((ONE,)), "here")
