"""The candidates: equal programs, told in words, the cheapest first."""

import pytest

from mcompile.quantize import insert, observe, plan
from mcompile.quantize.variants import transformed

from .chains import block, chain, gap
from .nets import SCHEME, samples


def made(source):
    ranges = observe(source, samples(source, 8))
    return list(transformed(source, ranges, SCHEME, [s.feeds for s in samples(source, 8)]))


@pytest.mark.parametrize("make", [chain, block])
def test_every_variant_is_equal_and_can_be_planned(make):
    source = make()
    found = made(source)
    for each in found:
        assert gap(source, each.program, samples(source, 2, seed=3)) < 1e-5, each.how
        assert plan(each.program, each.ranges, SCHEME).tensors
        insert(each.program, plan(each.program, each.ranges, SCHEME), SCHEME)
    assert len({each.how for each in found}) == len(found)


def test_what_adds_ops_comes_last_and_says_so():
    source = block()
    found = made(source)
    assert [v.added for v in found] == sorted(v.added for v in found)
    assert found[0].how == "channels tuned: 1 input"
    assert "smoothed at alpha 0.85: 1 input" in [v.how for v in found]
    assert found[-1].how == "smoothed at alpha 1.0: 2 inputs, 1 Mul more"


def test_a_chain_of_convolutions_needs_no_mul():
    words = [v.how for v in made(chain())]
    assert words[:3] == [
        "channels tuned: 3 inputs",
        "channels leveled at 0.5: 3 inputs",
        "channels leveled at 0.75: 3 inputs",
    ]
    assert words[-1] == "weights equalized: 3 inputs"
    assert not any("Mul" in w for w in words)
