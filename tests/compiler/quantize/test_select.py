"""Which files are tried, which one is kept, and what is said of it."""

from itertools import chain, repeat

import numpy as np
import pytest

from mcompile import graph
from mcompile.quantize import observe
from mcompile.quantize.recipe import Aim, Recipe, Score
from mcompile.quantize.select import select

from .nets import SCHEME, samples

DEPTH = 6


def deep():
    """Six convolutions in a row; every second weight has channels of very different size."""
    rng = np.random.default_rng(0)
    rows = ["h0 = Relu(x)"]
    weights = {}
    for k in range(DEPTH):
        rows += [f"c{k} = Conv(h{k}, w{k})", f"h{k + 1} = Relu(c{k})"]
        weights[f"w{k}"] = (rng.standard_normal((4, 4, 1, 1)) * 0.7).astype(np.float32)
    body = "\n".join([*rows, f"y = Sigmoid(h{DEPTH})"])
    text = f"""<ir_version: 9, opset_import: ["": 17]>
    net (float[1,4,4,4] x) => (float[1,4,4,4] y) {{ {body} }}"""
    program = graph.parse(text, weights, "deep")
    graph.infer_shapes(program)
    return program


@pytest.fixture(scope="module")
def recipe():
    program = deep()
    return Recipe(program, observe(program, samples(program, 16)), SCHEME)


def fed(recipe, count=8):
    return [s.feeds for s in samples(recipe.program, count)]


def float_layers(program):
    """The convolutions of a program that read no integer weight."""
    convs = [n for n in program.graph.graph if n.op_type == "Conv"]
    return tuple(n.outputs[0].name for n in convs if n.inputs[1].producer() is None)


class Judge:
    """Scores files by a rule of the test's own, and remembers them."""

    def __init__(self, rule):
        self.rule, self.seen, self.timed = rule, [], []

    def __call__(self, programs, timed):
        self.seen += [float_layers(p) for p in programs]
        self.timed += [timed for _ in programs]
        return [Score(self.rule(float_layers(p))) for p in programs]


def in_turn(*scores):
    """Scores files in the order in which they come."""
    left = chain(scores, repeat(scores[-1]))
    return lambda programs, _: [Score(next(left)) for _ in programs]


@pytest.fixture(scope="module")
def methods(recipe):
    """How many files have their ranges drawn in by one method for all tensors."""
    tried = chosen(recipe, Judge(lambda _: 30.0)).tried
    return sum(t.how.startswith("ranges by ") for t in tried)


def chosen(recipe, judge, floor=20.0, **more):
    return select(recipe, fed(recipe), judge, Aim(floor, **more))


def test_a_plain_file_above_the_floor_keeps_all_layers_on_integers(recipe):
    judge = Judge(lambda _: 30.0)
    found = chosen(recipe, judge)
    assert set(judge.seen) == {()}
    assert found.plan.left_float == {}
    assert found.best.how == "plain"
    assert (found.plan.shifts, found.plan.codes) == ({}, {})
    assert not any(judge.timed)


def test_weights_are_rounded_where_that_measures_better(recipe, methods):
    found = chosen(recipe, in_turn(*[25.0] * (1 + methods), 26.0))
    assert found.plan.codes
    assert found.best.how == "weights regressed and rounded"
    assert found.tried[found.taken].score.sqnr_db == 26.0


def test_biases_are_shifted_alone_where_rounding_gains_little(recipe, methods):
    found = chosen(recipe, in_turn(*[25.0] * (1 + methods), 24.0, 25.5))
    assert found.plan.shifts
    assert not found.plan.codes
    assert found.best.how == "biases shifted"


def test_ranges_are_drawn_in_where_that_measures_better(recipe):
    found = chosen(recipe, in_turn(25.0, 28.0, 25.0))
    assert found.best.how.startswith("ranges by ")
    assert {*found.recipe.clips} <= {*found.plan.tensors}
    assert found.recipe.clips


def test_a_gain_that_may_be_luck_is_not_taken(recipe):
    found = chosen(recipe, in_turn(25.0, 25.05))
    assert found.taken == 0
    assert found.best.how == "plain"


def test_of_the_files_above_the_floor_that_of_the_least_float_products_is_kept(recipe):
    judge = Judge(lambda kept: 22.0 if len(kept) == 2 else 10.0)
    found = chosen(recipe, judge)
    assert len(found.plan.left_float) == 2
    assert max(len(k) for k in judge.seen) == 2
    reasons = list(found.plan.left_float.values())
    assert all(r.startswith("float: ") and " of 2, its noise alone " in r for r in reasons)
    assert set(found.noise) == {f"c{k}" for k in range(DEPTH)}
    assert any(judge.timed)


def test_where_no_file_reaches_the_floor_the_most_accurate_is_kept(recipe):
    judge = Judge(lambda kept: 10.0 + 3 * (len(kept) == 4))
    found = chosen(recipe, judge)
    assert len(found.plan.left_float) == 4
    assert found.best.score.sqnr_db == 13.0
    assert {len(k) for k in judge.seen} == {0, 2, 4}


def test_float_layers_that_gain_nothing_are_given_up(recipe):
    found = chosen(recipe, Judge(lambda kept: 10.0 - len(kept)))
    assert found.plan.left_float == {}
    assert found.best.how == "plain"


def test_a_file_that_loses_too_much_accuracy_is_not_enough(recipe):
    """The floor is reached by all of them; only one with four float layers is accurate enough."""
    judge, asked = Judge(lambda _: 30.0), []

    def holds(program):
        asked.append(float_layers(program))
        return len(asked[-1]) == 4

    found = chosen(recipe, judge, holds=holds)
    assert len(found.plan.left_float) == 4
    assert () in asked
    assert found.best.score.sqnr_db == 30.0


def test_a_file_below_the_floor_is_not_asked_for_its_accuracy(recipe):
    asked = []
    chosen(recipe, Judge(lambda _: 10.0), holds=asked.append)
    assert not asked


def test_the_first_layers_are_tried_beside_the_noisiest(recipe):
    judge = Judge(lambda _: 10.0)
    chosen(recipe, judge)
    assert {("c0", "c1"), ("c0", "c1", "c2", "c3")} <= set(judge.seen)
    assert len({k for k in judge.seen if len(k) == 2}) == 2


def test_a_thorough_search_without_time_ends_where_the_other_does(recipe):
    rule = Judge(lambda kept: 10.0 + len(kept))
    one, other = chosen(recipe, rule), chosen(recipe, rule, stop=lambda: True, thorough=True)
    assert other.tried == one.tried
    assert other.best == one.best


def test_with_time_to_look_variants_are_tried_above_the_floor_too(recipe):
    quick, long = Judge(lambda _: 30.0), Judge(lambda _: 30.0)
    chosen(recipe, quick)
    found = chosen(recipe, long, thorough=True)
    assert len(long.seen) > len(quick.seen)
    assert len({t.how for t in found.tried}) == len(found.tried)


def test_each_step_is_told(recipe):
    told = []
    chosen(recipe, Judge(lambda _: 10.0), tell=told.append)
    assert any(line.startswith("weights regressed and rounded: layer 1 of ") for line in told)
    assert any("noise" in line for line in told)


def test_a_range_that_was_drawn_in_by_request_stays_so(recipe):
    ends = recipe.ranges["x"].percentile(90.0)
    narrow = Recipe(recipe.program, recipe.ranges, SCHEME, clips={"x": ends})
    found = chosen(narrow, Judge(lambda _: 30.0))
    assert found.recipe.clips["x"] == ends


def test_what_was_asked_to_stay_float_stays_so_in_every_file(recipe):
    asked = Recipe(recipe.program, recipe.ranges, SCHEME, keep_float=("c5",))
    judge = Judge(lambda kept: 10.0 + len(kept))
    found = chosen(asked, judge)
    assert all("c5" in kept for kept in judge.seen)
    assert found.plan.left_float["c5"] == "kept float by request"
