"""What is said of the number of samples is what it means for the ranges."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mcompile.samples.amounts import amounts, worthless
from mcompile.samples.survey import Seen, Survey
from mcompile.types import Port

X = Port("x", "float32", (1, 40))


def of(number: int, *, copies: int = 0, classes: Counter[int] | None = None) -> Survey:
    made = Survey("here", {"x": Seen(X)}, number, copies, classes or Counter())
    for row in np.random.default_rng(number).standard_normal((number, 1, 40)):
        made.inputs["x"].add(row)
    return made


@pytest.mark.parametrize(("number", "told"), [(2, "33%"), (9, "10%"), (31, "3%")])
def test_the_share_beyond_a_range_is_one_in_one_more_than_the_samples(
    number: int, told: str
) -> None:
    (found,) = amounts(of(number), None)
    assert found.name == "too-few"
    assert f"about {told} of" in found.evidence


def test_the_share_beyond_a_range_is_what_chance_makes_it() -> None:
    draws = np.random.default_rng(0).standard_normal((20000, 10))
    beyond = (draws[:, 9] > draws[:, :9].max(1)).mean()
    assert beyond == pytest.approx(1 / 10, abs=0.01)


def test_enough_samples_are_not_spoken_of() -> None:
    assert not [*amounts(of(32), None)]


@pytest.mark.parametrize(("copies", "fires"), [(2, False), (3, True)])
def test_a_copy_in_twenty_is_borne(copies: int, fires: bool) -> None:
    assert [f.name for f in amounts(of(40, copies=copies), None)] == ["duplicates"] * fires


def test_one_sample_over_and_over_is_worthless() -> None:
    (found,) = worthless(of(40, copies=39))
    assert found.hard
    assert not [*worthless(of(1))]
    assert not [*worthless(of(40, copies=38))]


def test_a_class_that_is_rare_may_be_missing() -> None:
    held = Counter({0: 500, 1: 498, 2: 2})
    assert not [*amounts(of(40, classes=Counter({0: 20, 1: 20})), of(40, classes=held))]
    held = Counter({0: 300, 1: 300, 2: 300})
    (found,) = amounts(of(40, classes=Counter({0: 20, 1: 20})), of(40, classes=held))
    assert found.name == "missing-classes"
    assert found.evidence.startswith("class 2 among 40 labels")


def test_many_missing_classes_are_cut_short() -> None:
    held = Counter(dict.fromkeys(range(20), 50))
    (found,) = amounts(of(40, classes=Counter({0: 40})), of(40, classes=held))
    assert "1, 2, 3, 4, 5, 6, 7, 8, ... among" in found.evidence
