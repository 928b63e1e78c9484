"""A hard finding ends the build with what, where and a way out; others end nothing."""

from __future__ import annotations

import pytest

from mcompile.errors import SamplesError
from mcompile.samples.finding import Finding, refuse

SOFT = Finding("too-few", "only 5 samples", "17 %", "give more")
HARD = Finding("zero", "all is zero", "5 of 5", "give real data", hard=True)


def test_warnings_end_nothing() -> None:
    refuse([], "here")
    refuse([SOFT, SOFT], "here")


def test_the_first_hard_finding_is_told_and_the_others_are_named() -> None:
    with pytest.raises(SamplesError) as caught:
        refuse([SOFT, HARD, Finding("range", "", "", "", hard=True)], "data.npz")
    assert caught.value.what == "all is zero (5 of 5); and 1 more: range"
    assert (caught.value.where, caught.value.fix) == ("data.npz", "give real data")
    assert caught.value.code == 4
    with pytest.raises(SamplesError, match=r"^all is zero \(5 of 5\)\n"):
        refuse([HARD], "data.npz")


def test_a_finding_is_a_sentence() -> None:
    assert str(SOFT) == "only 5 samples (17 %): give more"
