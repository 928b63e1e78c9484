"""Rows times weights are what the layer computes, and moments hold its error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import biases
from mcompile.quantize.gram import by_group, matrix, moments, rows, shaped

HEAD = '<ir_version: 9, opset_import: ["": 17]>\n'
CONVS = [
    ("pads = [1,1,1,1]", (2, 4, 9, 8), (6, 4, 3, 3)),
    ("pads = [0,1,2,1], strides = [2,1]", (1, 4, 9, 8), (6, 4, 3, 2)),
    ("strides = [3,3]", (1, 4, 9, 8), (6, 4, 2, 2)),
    ("dilations = [2,2], pads = [2,2,2,2]", (1, 4, 9, 8), (6, 4, 3, 3)),
    ("group = 2", (2, 4, 9, 8), (6, 2, 3, 3)),
    ("group = 4, pads = [1,1,1,1]", (1, 4, 9, 8), (8, 1, 3, 3)),
    ('auto_pad = "SAME_UPPER", strides = [2,2]', (1, 4, 9, 8), (6, 4, 3, 3)),
    ('auto_pad = "SAME_LOWER", strides = [2,2]', (1, 4, 9, 8), (6, 4, 3, 3)),
    ('auto_pad = "VALID", strides = [2,2]', (1, 4, 9, 8), (6, 4, 3, 3)),
    ("pads = [1,1]", (2, 3, 10), (5, 3, 3)),
    ("", (1, 2, 4, 5, 6), (3, 2, 2, 2, 2)),
]
LINEAR = [
    ("Gemm <transB = 1> (x, w)", (5, 4), (6, 4)),
    ("Gemm (x, w)", (5, 4), (4, 6)),
    ("MatMul(x, w)", (2, 5, 4), (4, 6)),
]
CASES = [(f"Conv <{how}> (x, w)" if how else "Conv(x, w)", *sizes) for how, *sizes in CONVS]


def layer(body, size, weight, seed=0):
    """The node, its input, its weight and what the runtime makes of them."""
    rng = np.random.default_rng(seed)
    data = rng.standard_normal(size).astype(np.float32)
    held = rng.standard_normal(weight).astype(np.float32)
    shape = ",".join(map(str, size))
    text = f"{HEAD}net (float[{shape}] x) => (float[] y) {{ y = {body} }}"
    program = graph.parse(text.replace("float[] y", "float y"), {"w": held})
    node = next(iter(program.graph.graph))
    return node, data, held, Oracle(program).run({"x": data})["y"]


@pytest.mark.parametrize(("body", "size", "weight"), CASES + LINEAR)
def test_rows_times_the_weight_are_the_output(body, size, weight):
    node, data, held, output = layer(body, size, weight)
    wanted = biases.channels_last(node, output)
    at = np.random.default_rng(1).permutation(len(wanted))[: len(wanted) // 2 + 1]
    real = matrix(node, held)
    read = rows(node, data, held, output.shape, at)
    found = read @ real.swapaxes(1, 2)
    np.testing.assert_allclose(found, by_group(wanted[at], len(real)), atol=1e-4)


@pytest.mark.parametrize(("body", "size", "weight"), CASES + LINEAR)
def test_a_matrix_goes_back_into_the_shape_of_its_weight(body, size, weight):
    node, _, held, _ = layer(body, size, weight)
    np.testing.assert_array_equal(shaped(node, matrix(node, held), held.shape), held)


def test_channels_of_a_window_are_innermost():
    """Neighbours are those that a kernel sums in one step."""
    node, _, held, _ = layer("Conv(x, w)", (1, 4, 9, 8), (6, 4, 3, 3))
    np.testing.assert_array_equal(matrix(node, held)[0, 2, :4], held[2, :, 0, 0])


@settings(derandomize=True, deadline=None, max_examples=15)
@given(seed=st.integers(0, 99), centred=st.booleans(), groups=st.integers(1, 3))
def test_moments_hold_the_error_of_any_weight(seed, centred, groups):
    rng = np.random.default_rng(seed)
    read, outputs = rng.standard_normal((groups, 30, 5)), rng.standard_normal((groups, 30, 2))
    weight = rng.standard_normal((groups, 2, 5))
    missed = outputs - read @ weight.swapaxes(1, 2)
    if centred:
        missed -= missed.mean(axis=1, keepdims=True)
    found = moments(read, outputs, centred)
    assert found.error(weight) == pytest.approx(float((missed**2).sum()))
    twice = found + found
    assert twice.rows == 60
    assert twice.error(weight) == pytest.approx(2 * found.error(weight))
