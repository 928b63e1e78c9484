"""What Python hands over is understood, and what is not says which item it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from mcompile.errors import SamplesError, UsageError
from mcompile.samples.items import chunks
from mcompile.samples.source import Chunk, Wanted
from mcompile.types import Port, Sample

X = Port("x", "float32", (1, 2))
Y = Port("y", "float32", (1, 2))
A, B = np.float32([1, 2]), np.float32([3, 4])


def only(item: Any, *ports: Port) -> Chunk:
    (found,) = chunks([item], Wanted(ports), "list")
    return found


@pytest.mark.parametrize(
    ("item", "label"),
    [
        (A, None),
        (torch.tensor([1.0, 2.0]), None),
        ([1.0, 2.0], None),
        ({"x": A}, None),
        ({"x": A, "labels": 7}, 7),
        ((A,), None),
        ((A, 7), 7),
        ([torch.tensor([1.0, 2.0]), torch.tensor(7)], 7),
        (({"x": A}, 7), 7),
        (Sample({"x": A}, np.asarray(7)), 7),
    ],
)
def test_an_item_for_one_input(item: Any, label: int | None) -> None:
    found = only(item, X)
    np.testing.assert_array_equal(found.arrays["x"], A)
    assert found.labels is None if label is None else found.labels == label


@pytest.mark.parametrize(
    ("item", "label"),
    [
        ((A, B), None),
        ([A, B], None),
        ((A, B, 7), 7),
        (((A, B), 7), 7),
        (([A, B], 7), 7),
        (({"y": B, "x": A}, 7), 7),
        ({"y": B, "x": A, "labels": 7}, 7),
    ],
)
def test_an_item_for_two_inputs(item: Any, label: int | None) -> None:
    found = only(item, X, Y)
    np.testing.assert_array_equal(found.arrays["x"], A)
    np.testing.assert_array_equal(found.arrays["y"], B)
    assert found.labels is None if label is None else found.labels == label


@pytest.mark.parametrize("item", [(A, B, A, B), (A,)])
def test_another_number_of_arrays_is_refused(item: Any) -> None:
    with pytest.raises(SamplesError, match=f"{len(item)} arrays for 2 inputs") as caught:
        only(item, X, Y)
    assert caught.value.where == "list, item 0"
    assert caught.value.fix == "a dict with x, y"


def test_one_array_for_two_inputs_is_refused() -> None:
    with pytest.raises(SamplesError, match="the model has 2 inputs"):
        only(A, X, Y)


def test_what_is_no_array_is_refused_with_its_number() -> None:
    with pytest.raises(SamplesError, match="x is object, which is no array") as caught:
        list(chunks([A, object()], Wanted((X,)), "list"))
    assert caught.value.where == "list, item 1"


def test_what_cannot_be_iterated_is_refused() -> None:
    with pytest.raises(SamplesError, match="int cannot be iterated"):
        list(chunks(3, Wanted((X,)), "f()"))


def test_a_failure_of_the_users_code_is_wrapped_with_its_cause() -> None:
    def gives() -> Iterator[Any]:
        yield A
        raise KeyError("photo")

    with pytest.raises(SamplesError, match="KeyError: 'photo'") as caught:
        list(chunks(gives(), Wanted((X,)), "f()"))
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_error_that_can_be_read_already_passes() -> None:
    def gives() -> Iterator[Any]:
        raise UsageError("mine")
        yield

    with pytest.raises(UsageError, match="mine"):
        list(chunks(gives(), Wanted((X,)), "f()"))


def test_a_dict_of_stacks_is_read_as_a_whole() -> None:
    stack = {"x": torch.ones(3, 2), "labels": [0, 1, 2]}
    (found,) = chunks(stack, Wanted((X,)), "f()")
    assert found.stacked
    assert found.arrays["x"].shape == (3, 2)
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 2]
