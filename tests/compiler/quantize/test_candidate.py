"""Each file that may become the artifact says how it came about, and differs in that alone."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile import graph
from mcompile.quantize import observe
from mcompile.quantize.candidate import File, apart, by_methods, drawn_in, most
from mcompile.quantize.recipe import Recipe, Score
from mcompile.types import Sample, Samples

from .nets import SCHEME, residual, samples


@pytest.fixture(scope="module")
def plain():
    program = residual()
    recipe = Recipe(program, observe(program, samples(program, 8)), SCHEME)
    return File("plain", recipe, recipe.plan())


def test_how_a_file_was_made_is_told_step_by_step(plain):
    one = plain.also("biases shifted", plain.plan)
    assert one.how == "biases shifted"
    assert one.also("the first layer float", plain.plan).how == (
        "biases shifted, the first layer float"
    )


def test_each_method_draws_ranges_in_and_none_says_the_same_as_another(plain):
    made = by_methods(plain)
    assert len({tuple(sorted(clips.items())) for _, clips in made}) == len(made) > 0
    for _, clips in made:
        assert {*clips} <= {*plain.plan.tensors}
        for name, (low, high) in clips.items():
            held = plain.recipe.ranges[name]
            assert held.low - 1e-5 <= low <= high <= held.high + 1e-5


def test_where_every_range_was_asked_for_there_is_nothing_to_draw_in(plain):
    asked = {n: (r.low, r.high) for n, r in plain.recipe.ranges.items()}
    own = Recipe(plain.recipe.program, plain.recipe.ranges, SCHEME, asked)
    assert by_methods(File("plain", own, own.plan())) == []


def test_what_was_asked_for_is_not_drawn_in(plain):
    asked = {"a": (0.0, 0.25)}
    own = File(
        "plain", Recipe(plain.recipe.program, plain.recipe.ranges, SCHEME, asked), plain.plan
    )
    made = drawn_in(own, "drawn in", {"a": (0.0, 1.0), "x": (-1.0, 1.0)})
    assert made.recipe.clips == {"a": (0.0, 0.25), "x": (-1.0, 1.0)}


def test_a_concat_that_drowns_a_part_is_left_float():
    program = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[1,4,8,8] x) => (float[1,4,8,8] y) {
          a = Conv(x, w1)
          b = Conv(x, w2)
          c = Concat <axis = 1> (a, b)
          d = Conv(c, w3)
          y = Sigmoid(d)
        }""",
        {
            "w1": np.full((4, 4, 1, 1), 50.0, np.float32),
            "w2": np.full((4, 4, 1, 1), 0.01, np.float32),
            "w3": np.eye(4, 8, dtype=np.float32)[:, :, None, None],
        },
    )
    graph.infer_shapes(program)
    rng = np.random.default_rng(0)
    data = [Sample({"x": rng.random((1, 4, 8, 8), np.float32)}) for _ in range(4)]
    scheme = replace(SCHEME, carried=SCHEME.carried | {"Concat"})
    recipe = Recipe(program, observe(program, Samples("seeded", lambda: iter(data), 4)), scheme)
    made = apart(File("plain", recipe, recipe.plan()))
    assert [f.how for f in made] in ([], ["1 Concats of unlike parts float"])
    for file in made:
        assert "differ" in file.plan.left_float["c"]


def test_of_equals_the_first_is_taken(plain):
    files = [
        File(str(k), plain.recipe, plain.plan, score=Score(db)) for k, db in enumerate((1, 2, 2))
    ]
    assert most(files).how == "1"
