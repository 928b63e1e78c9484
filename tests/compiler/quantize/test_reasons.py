"""Each reason to leave a node float, in words a user reads."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile import graph
from mcompile.quantize.reasons import REQUESTED, of_carried, of_weighted
from mcompile.schemes.litert import LITERT_INT8

from .nets import SCHEME

EVERYTHING = {"x", "y", "a", "v"}
F = np.float32


def first(body, ports="float[2,4] x) => (float[2,4] y", **weights):
    text = f'<ir_version: 9, opset_import: ["": 17]> net ({ports}) {{ {body} }}'
    program = graph.parse(text, weights)
    graph.infer_shapes(program)
    return next(iter(program.graph.graph))


CASES = [
    ("y = MatMul(x, x)", {}, "its weight is computed, not constant"),
    ("y = MatMul(x, w)", {"w": np.ones((4, 4), np.float64)}, "its weight is not float32"),
    ("y = MatMul(x, w)", {"w": np.ones((2, 4, 4), F)}, "its weight is not a matrix"),
    ("y = Gemm <beta = 2.0> (x, w)", {"w": np.eye(4, dtype=F)},
     "alpha, beta or transA are not plain"),
    ("y = MatMul(x, w) z = Gemm(x, w)", {"w": np.eye(4, dtype=F)},
     "its weight is shared with another kind of op"),
    ("y = MatMul(x, w)", {"w": np.eye(4, dtype=F)}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("body", "weights", "reason"), CASES)
def test_a_weighted_op_says_why_it_stays_float(body, weights, reason):
    assert of_weighted(first(body, **weights), SCHEME, EVERYTHING) == reason


def test_what_was_not_observed_or_is_kept():
    node = first("y = MatMul(x, w)", w=np.eye(4, dtype=F))
    assert of_weighted(node, SCHEME, {"y"}) == "its input was not observed"
    assert of_weighted(node, SCHEME, EVERYTHING, {node}) == REQUESTED


def test_a_closed_layer_must_not_leave_the_graph_unless_all_is_integers():
    ports = "float[1,4,1,1] x) => (float[1,4,1,1] y"
    node = first("y = Conv(x, w)", ports, w=np.ones((4, 4, 1, 1), F))
    assert of_weighted(node, SCHEME, EVERYTHING) == "its output leaves the graph"
    assert of_weighted(node, LITERT_INT8, EVERYTHING) == ""
    assert of_weighted(node, LITERT_INT8, {"x"}) == "its output was not observed"


@pytest.mark.parametrize(("strides", "group", "fits"), [(2, 1, True), (1, 2, False)])
def test_convolutions_share_a_weight_when_they_read_the_same_scales(strides, group, fits):
    body = f"y = Conv(x, w) z = Conv <strides = [{strides},{strides}], group = {group}> (v, w)"
    ports = "float[1,4,2,2] x, float[1,8,2,2] v) => (float[1,4,2,2] y"
    node = first(body, ports, w=np.ones((4, 4, 1, 1), F))
    assert (of_weighted(node, LITERT_INT8, EVERYTHING) == "") is fits


def test_thin_layers_and_vectors_stay_float_only_where_the_scheme_says_so():
    node = first("y = MatMul(x, w)", "float[1,4] x) => (float[1,4] y", w=np.eye(4, dtype=F))
    assert of_weighted(node, SCHEME, EVERYTHING) == ""
    picky = replace(SCHEME, skips_vectors=True)
    assert "one row or column" in of_weighted(node, picky, EVERYTHING)


def test_an_op_without_a_weight_needs_every_value_observed():
    node = first("y = Add(x, k)", k=np.ones(4, F))
    assert of_carried(node, LITERT_INT8, EVERYTHING) == ""
    assert of_carried(node, LITERT_INT8, {"y"}) == "its input x was not observed"
    whole = first("y = Max(x, k)", k=np.ones(4, np.float64))
    assert of_carried(whole, LITERT_INT8, EVERYTHING) == "its constant k is not float32"
