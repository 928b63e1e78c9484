"""Which sets of layers are offered to stay float, and what they are said to cost."""

import numpy as np
import pytest

from mcompile.quantize import observe
from mcompile.quantize.recipe import Aim, Recipe
from mcompile.quantize.unquantized import Floats

from .nets import SCHEME, residual, samples

LAYERS = ["a0", "b", "c0", "y"]


@pytest.fixture(scope="module")
def floats():
    program = residual()
    recipe = Recipe(program, observe(program, samples(program, 8)), SCHEME)
    feeds = [s.feeds for s in samples(program, 4)]
    return Floats(recipe, recipe.plan(), feeds, Aim(20.0))


def test_every_layer_is_ranked(floats):
    assert list(floats.noise) == LAYERS
    assert all(0 < db < 100 for db in floats.noise.values())


def test_sets_grow_and_none_is_offered_twice(floats):
    offered = [set(kept) for sets in floats.sets() for kept in sets.values()]
    assert {"a0", "b"} in offered
    assert {*sorted(LAYERS, key=lambda n: floats.noise[n])[:2]} in offered
    assert len({frozenset(s) for s in offered}) == len(offered)
    assert all(len(s) < len(LAYERS) for s in offered)


def test_the_plan_says_what_each_float_layer_would_have_cost(floats):
    found = floats.plan(("a0", "b"))
    assert {*found.left_float} == {"a0", "b"}
    first = min(("a0", "b"), key=lambda n: floats.noise[n])
    assert found.left_float[first] == (
        f"float: 1 of 2, its noise alone {floats.noise[first]:.1f} dB"
    )


def test_cost_counts_products(floats):
    """A convolution makes a product for each output value and weight of its channel."""
    places = 8 * 8 * 16 * 16  # samples, channels, pixels
    assert floats.cost(("a0",)) == places * 3 * 9
    assert floats.cost(("a0", "b")) == places * (3 + 8) * 9
    assert np.isclose(floats.cost(("y",)), 8 * 10 * 16)
