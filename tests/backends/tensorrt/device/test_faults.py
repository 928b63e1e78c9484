"""Three lines, of which the last two may be missing."""

from __future__ import annotations

from mcompile.backends.tensorrt.device.faults import CONTRACT, KitError


def test_fact_place_and_next_step():
    error = KitError(CONTRACT, "it is broken", "here", "mend it")
    assert error.text() == "error: it is broken\n  in   here\n  try  mend it"
    assert error.code == 7


def test_what_is_not_known_is_left_out():
    assert KitError(1, "it is broken").text() == "error: it is broken"
