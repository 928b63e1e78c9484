"""Linear resizing in integers."""

import numpy as np
import pytest

from mcompile import graph
from mcompile.oracle import evaluate
from mcompile.simulate.resize import is_plain, resize

from .sandwiches import codes


def node(how="", given="x, , , sizes", **weights):
    text = f"""<ir_version: 9, opset_import: ["": 19]>
    net (float[1,2,5,6] x) => (float y) {{ y = Resize <mode = "linear"{how}> ({given}) }}"""
    weights = weights or {"sizes": np.array([1, 2, 9, 7])}
    return next(iter(graph.parse(text, weights).graph.graph))


@pytest.mark.parametrize("way", ["half_pixel", "align_corners", "asymmetric"])
def test_codes_are_within_a_step_of_the_real_result(way):
    one = node(f', coordinate_transformation_mode = "{way}"')
    data = codes(np.random.default_rng(0), "int8", 1, 2, 5, 6)
    assert is_plain(one)
    given = [data.astype(np.float32), None, None, np.array([1, 2, 9, 7])]
    real = evaluate(one, given, {"": 19})[0]
    assert np.abs(resize(one, data) - real).max() <= 1


def test_factors_say_the_size_too():
    one = node(given="x, , f", f=np.array([1, 1, 2, 1.5], np.float32))
    assert is_plain(one)
    assert resize(one, np.zeros((1, 2, 5, 6), np.int8)).shape == (1, 2, 10, 9)


def test_other_ways_of_resizing_are_left_to_floats():
    assert not is_plain(node(', coordinate_transformation_mode = "tf_crop_and_resize"'))
    assert not is_plain(node(", antialias = 1"))
    assert not is_plain(node(given="x, , f", f=np.array([1, 2, 2, 2], np.float32)))
