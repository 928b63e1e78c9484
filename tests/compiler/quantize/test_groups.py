"""Values that share a scale: unions, fixed ranges, and what is refused."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.quantize.groups import Groups

ENDS = {"a": (-1.0, 2.0), "b": (-3.0, 1.0), "c": (0.0, 9.0), "y": (-9.0, 9.0), "s": (0.1, 0.9)}
UNIT = (0.0, 1.0)


def groups(**fixed):
    return Groups(ENDS, fixed, 255)


def test_a_group_holds_what_its_inputs_hold():
    found = groups()
    assert found.join(["a", "b"], ["y"]) == ""
    assert found.root("a") == found.root("b") == found.root("y")
    assert found.bound("y").ends == (-3.0, 2.0)


def test_a_value_alone_holds_its_own():
    assert groups().bound("c").ends == (0.0, 9.0)


def test_groups_that_meet_are_one():
    found = groups()
    found.join(["a"], ["y"])
    found.join(["c"], ["s"])
    found.join(["y"], ["s"])
    assert found.bound("a").ends == found.bound("c").ends == (-1.0, 9.0)


def test_a_fixed_range_wins_and_names_its_value():
    found = groups(s=UNIT)
    assert found.join(["s"], ["y"]) == ""
    assert (found.bound("y").fixed, found.bound("y").by) == (UNIT, "s")


def test_a_refusal_changes_nothing():
    found = groups(s=UNIT)
    assert (
        found.join(["s", "a"], ["y"]) == "it would join others to s, whose fixed scale is too small"
    )
    assert len({found.root(n) for n in ("s", "a", "y")}) == 3
    assert found.bound("y").ends == (-9.0, 9.0)


def test_two_fixed_ranges_cannot_be_joined():
    found = groups(s=UNIT, a=(-1.0, 1.0))
    assert found.join(["s", "a"], ["y"]) == "it would join s and a, whose fixed scales differ"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("bcys")), max_size=8))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_joined_values_have_one_root_and_one_bound(pairs):
    found = groups()
    for one, other in pairs:
        assert found.join([one], [other]) == ""
    for one, other in pairs:
        assert found.root(one) == found.root(other)
        assert found.bound(one) == found.bound(other)
