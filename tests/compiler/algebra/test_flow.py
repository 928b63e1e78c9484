from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.algebra.flow import FIRST, SECOND, split


def cost(groups, chosen):
    """What a split costs, by its definition."""
    first = chosen | {FIRST}
    return sum(w for g, w in groups if 0 < sum(m in first for m in set(g)) < len(set(g)))


@pytest.mark.parametrize(
    ("groups", "chosen"),
    [
        ([], set()),
        ([((FIRST, "a"), 1)], {"a"}),
        ([((FIRST, "a"), 1), (("a", SECOND), 1)], set()),
        ([((FIRST, "a"), 2), (("a", SECOND), 1)], {"a"}),
        ([((FIRST, "a"), 1), ((FIRST, "b"), 1), (("a", "b", SECOND), 1)], {"a", "b"}),
        ([((FIRST, "a", "b"), 1), (("a", SECOND), 1), (("b", SECOND), 1)], set()),
        ([((FIRST, "a"), 1), (("a", "b"), 1), (("b", "a"), 1)], {"a", "b"}),
    ],
)
def test_small_splits(groups, chosen):
    assert split(groups) == chosen


@st.composite
def webs(draw):
    members = st.sampled_from([*"abcdef", FIRST, SECOND])
    group = st.tuples(st.lists(members, min_size=1, max_size=4), st.integers(1, 3))
    return draw(st.lists(group, min_size=1, max_size=9))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(webs())
def test_no_split_is_cheaper_and_none_as_cheap_is_smaller(groups):
    chosen = split(groups)
    every = [set(c) for n in range(7) for c in itertools.combinations("abcdef", n)]
    least = min(cost(groups, c) for c in every)
    assert cost(groups, chosen) == least
    assert all(chosen <= c for c in every if cost(groups, c) == least)


def test_the_order_of_groups_does_not_matter():
    rng = random.Random(0)
    groups = [([FIRST, 1], 2), ([1, 2, 3], 1), ([2, SECOND], 3), ([3, FIRST], 1), ([3, 4], 1)]
    wanted = split(groups)
    for _ in range(10):
        rng.shuffle(groups)
        assert split(groups) == wanted
