"""Programs changed again by the steps of a plan: bit for bit as before, or not at all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.errors import UsageError
from mcompile.quantize import insert, observe, plan, planfile
from mcompile.quantize.lanes import lanes
from mcompile.quantize.replay import replayed
from mcompile.quantize.scaling import Scaling
from mcompile.quantize.smooth import linear
from mcompile.quantize.variants import transformed
from mcompile.types import Changed, Divided

from .chains import block, chain, gap, uneven
from .nets import SCHEME, residual, samples

NETS = {"chain": chain, "block": block, "residual": residual}


def bits(program):
    return graph.ir.to_proto(program.graph).SerializeToString(deterministic=True)


def recorded(source, seed, rounds=1):
    """Everything that can be divided, divided at random, some of it more than once."""
    rng = np.random.default_rng(seed)
    scaling = Scaling(source)
    found = lanes(scaling.graph)
    for _ in range(rounds):
        for each in found:
            scaling.divide(each, uneven(rng, each.count, 1.0))
    for value in list(graph.values(scaling.graph)):
        readers = linear(value)
        if readers and value.shape and rng.random() < 0.7:
            axis = 1 if readers[0].op_type == "Conv" else -1
            scaling.insert(value, uneven(rng, value.shape[axis], 1.0), readers)
    return scaling.written(), Changed("at random", scaling.steps)


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
@given(seed=st.integers(0, 1000), rounds=st.integers(1, 3))
@settings(derandomize=True, deadline=None, max_examples=6)
def test_the_steps_on_the_same_program_give_the_same_bits(make, seed, rounds):
    source = make(seed)
    wanted, changed = recorded(source, seed, rounds)
    again, _ = replayed(make(seed), {}, changed)
    assert bits(again) == bits(wanted) != bits(source)
    assert gap(source, again, samples(source, 2)) < 1e-5


@pytest.mark.parametrize("make", [chain, block])
def test_every_variant_comes_back_from_its_plan(make, tmp_path):
    source, feeds = make(), [s.feeds for s in samples(make(), 8)]
    ranges = observe(source, samples(source, 8))
    seen = 0
    for each in transformed(source, ranges, SCHEME, feeds):
        found = replace(plan(each.program, each.ranges, SCHEME), changed=each.changed)
        planfile.write(found, tmp_path)
        back = planfile.read(tmp_path / "plan.json", make(), SCHEME)
        assert planfile.dump(back) == planfile.dump(found)
        again, _ = replayed(make(), {}, back.changed)
        one, other = insert(again, back, SCHEME), insert(each.program, found, SCHEME)
        assert bits(one) == bits(other), each.how
        seen += 1
    assert seen > 5


def test_ranges_are_those_of_the_changed_program():
    source = chain()
    ranges = observe(source, samples(source, 8))
    program, changed = recorded(source, 0)
    feeds = [s.feeds for s in samples(source, 8)]
    _, found = replayed(source, ranges, changed, feeds)
    wanted = observe(program, samples(source, 8))
    for name in ("a", "p", "c"):
        assert found[name].high == pytest.approx(wanted[name].high, rel=1e-4)
        assert found[name].high != ranges[name].high


def test_without_steps_nothing_is_changed():
    source = chain()
    assert replayed(source, {}, None) == (source, {})


EIGHT = np.full(8, 2.0)
FOREIGN = {
    "lanes": (Divided("z", EIGHT), "z makes no channels that can be divided"),
    "count": (Divided("a0", EIGHT[:3]), "a0 has 8 channels, not 3"),
    "mul": (Divided("z", EIGHT, ("y",)), "z is not read by a linear layer y"),
    "reader": (Divided("a", EIGHT, ("d0",)), "a is not read by a linear layer d0"),
    "channels": (Divided("p", EIGHT[:3], ("c0",)), "p does not have 3 channels"),
}


@pytest.mark.parametrize(("step", "said"), FOREIGN.values(), ids=FOREIGN)
def test_steps_of_another_model_are_refused_in_three_lines(step, said):
    with pytest.raises(UsageError, match=said) as refused:
        replayed(chain(), {}, Changed("", (step,)), where="mine.json")
    assert len(str(refused.value).splitlines()) == 3
    assert "mine.json" in refused.value.where


def test_channels_that_are_seen_outside_are_not_divided():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,4,6,6] x) => (float[1,4,6,6] y) { a = Conv(x, w) b = Sigmoid(a) c = Conv(a, v)
      y = Add(b, c) }"""
    rng = np.random.default_rng(0)
    held = {n: rng.standard_normal((4, 4, 1, 1)).astype(np.float32) for n in "wv"}
    source = graph.parse(text, held)
    graph.infer_shapes(source)
    steps = (Divided("a", np.full(4, 2.0)),)
    with pytest.raises(UsageError, match="channels of a are divided that cannot be"):
        replayed(source, {}, Changed("", steps))
