"""Three lines, of which the last two may be missing."""

from __future__ import annotations

from mcompile.backends.tensorrt.device.faults import CONTRACT, KitError, unwritten


def test_fact_place_and_next_step():
    error = KitError(CONTRACT, "it is broken", "here", "mend it")
    assert error.text() == "error: it is broken\n  in   here\n  try  mend it"
    assert error.code == 7


def test_what_is_not_known_is_left_out():
    assert KitError(1, "it is broken").text() == "error: it is broken"


def test_what_the_system_says_of_a_file_is_three_lines():
    error = unwritten(OSError(28, "No space left on device", "model.engine"))
    assert error.code == CONTRACT
    first, place, way_out = error.text().splitlines()
    assert first == "error: no space left on device"
    assert "model.engine" in place
    assert "--out" in way_out
