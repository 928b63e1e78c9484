"""What a plan is made from, and the file that it gives."""

import pytest

from mcompile.quantize import observe, plan
from mcompile.quantize.recipe import Chosen, Recipe, Score, Tried

from .nets import SCHEME, residual, samples


@pytest.fixture(scope="module")
def recipe():
    program = residual()
    return Recipe(program, observe(program, samples(program, 8)), SCHEME)


def test_layers_kept_for_one_plan_join_those_that_were_asked_for(recipe):
    asked = Recipe(recipe.program, recipe.ranges, SCHEME, keep_float=("a0",))
    assert {*asked.plan(("b",)).left_float} == {"a0", "b"}
    assert {*asked.plan().left_float} == {"a0"}


def test_clips_reach_the_plan(recipe):
    ends = (0.0, 0.5)
    narrow = Recipe(recipe.program, recipe.ranges, SCHEME, clips={"a": ends}).plan()
    whole = plan(recipe.program, recipe.ranges, SCHEME)
    changed = [
        n for n in whole.tensors if (narrow.tensors[n].scale != whole.tensors[n].scale).any()
    ]
    assert changed == ["a"]


def test_the_chosen_file_is_that_of_its_own_recipe(recipe):
    found = recipe.plan()
    tried = (Tried("plain", (), Score(20.0)), Tried("better", (), Score(25.0)))
    chosen = Chosen(recipe, found, tried, 1)
    assert chosen.best.how == "better"
    ops = [n.op_type for n in chosen.program.graph.graph]
    assert ops.count("QuantizeLinear") == len([n for n in found.tensors if n[0] != "w"])
