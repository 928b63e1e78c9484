"""Which files are tried, which one is kept, and what is said of it."""

import numpy as np
import pytest

from mcompile import graph
from mcompile.quantize import observe
from mcompile.quantize.select import Recipe, Score, select

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
        self.rule, self.seen = rule, []

    def __call__(self, programs):
        self.seen += [float_layers(p) for p in programs]
        return [self.rule(float_layers(p)) for p in programs]


def test_a_plain_file_above_the_floor_is_all_that_is_tried(recipe):
    judge = Judge(lambda _: Score(30.0, 1.0))
    chosen = select(recipe, fed(recipe), judge, 20.0)
    assert set(judge.seen) == {()}
    assert chosen.plan.left_float == {}
    assert chosen.best.how == "plain"
    assert chosen.plan.shifts == {}


def test_biases_are_corrected_where_that_measures_better(recipe):
    scores = iter([Score(25.0, 1.0), Score(26.0, 1.0)])
    chosen = select(recipe, fed(recipe), lambda ps: [next(scores) for _ in ps], 20.0)
    assert chosen.plan.shifts
    assert chosen.best.how == "plain, biases corrected"


def test_the_fastest_file_above_the_floor_is_kept(recipe):
    def rule(kept):
        if len(kept) < 2:
            return Score(10.0, 1.0)
        return Score(22.0, 2.0 if kept == ("c0", "c1") else 3.0)

    judge = Judge(rule)
    chosen = select(recipe, fed(recipe), judge, 20.0)
    assert set(chosen.plan.left_float) == {"c0", "c1"}
    assert max(len(k) for k in judge.seen) == 2
    reasons = list(chosen.plan.left_float.values())
    assert all(r.startswith("float: ") and " of 2, its noise alone " in r for r in reasons)


def test_where_no_file_reaches_the_floor_the_most_accurate_is_kept(recipe):
    judge = Judge(lambda kept: Score(10.0 + 3 * (len(kept) == 4), 1.0 + len(kept)))
    chosen = select(recipe, fed(recipe), judge, 20.0)
    assert len(chosen.plan.left_float) == 4
    assert chosen.best.score.sqnr_db == 13.0
    assert {len(k) for k in judge.seen} == {0, 2, 4}


def test_float_layers_that_gain_nothing_are_given_up(recipe):
    chosen = select(recipe, fed(recipe), Judge(lambda kept: Score(10.0 - len(kept), 1.0)), 20.0)
    assert chosen.plan.left_float == {}
    assert chosen.best.how == "plain"
    assert [t.how for t in chosen.tried][-1].endswith("layers float")


def test_the_first_layers_are_tried_beside_the_noisiest(recipe):
    judge = Judge(lambda _: Score(10.0, 1.0))
    select(recipe, fed(recipe), judge, 20.0)
    assert {("c0", "c1"), ("c0", "c1", "c2", "c3")} <= set(judge.seen)
    assert len({k for k in judge.seen if len(k) == 2}) == 2


def test_a_search_whose_time_is_up_keeps_the_best_so_far(recipe):
    judge = Judge(lambda _: Score(10.0, 1.0))
    chosen = select(recipe, fed(recipe), judge, 20.0, lambda: True)
    assert set(judge.seen) == {()}
    assert chosen.plan.left_float == {}


def test_what_was_asked_to_stay_float_stays_so_in_every_file(recipe):
    asked = Recipe(recipe.program, recipe.ranges, SCHEME, keep_float=("c5",))
    judge = Judge(lambda kept: Score(10.0 + len(kept), 1.0))
    chosen = select(asked, fed(recipe), judge, 20.0)
    assert all("c5" in kept for kept in judge.seen)
    assert chosen.plan.left_float["c5"] == "kept float by request"
