"""What is kept of a stream is in order, evenly spread, and never more than was asked for."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.samples.thinning import Thinned


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 400), st.integers(1, 20).map(lambda half: 2 * half))
def test_a_stream_of_any_length_is_spread_evenly(length: int, most: int) -> None:
    kept: Thinned[int] = Thinned(most)
    for number in range(length):
        if kept.wants():
            kept.keep(number)
    assert len(kept.items) <= most
    stride = 1
    while len(range(0, length, stride)) > most:
        stride *= 2
    assert kept.items == list(range(0, length, stride))
