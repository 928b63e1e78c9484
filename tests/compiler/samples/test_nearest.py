"""A mistyped name leads to the one that was meant."""

from __future__ import annotations

from mcompile.samples.nearest import suggestion


def test_the_nearest_name_is_suggested() -> None:
    assert suggestion("imagnet", ["none", "imagenet", "tf"]) == "imagenet"


def test_without_a_near_name_all_are_listed() -> None:
    assert suggestion("quux", ["tf", "none"]) == "none or tf"
