"""What nodes read, hand on and absorb."""

from dataclasses import replace

import pytest

from mcompile import graph
from mcompile.quantize.edges import (
    absorbed,
    bias_of,
    handed_on,
    is_layer,
    is_plain_gemm,
    read,
    shortcut,
)
from mcompile.schemes.litert import LITERT_INT8
from mcompile.schemes.tensorrt import TENSORRT_10
from mcompile.types import Scheme

from .nets import SCHEME


def nodes(body, ports="float[2,4] x) => (float[2,4] y", **weights):
    text = f'<ir_version: 9, opset_import: ["": 17]> net ({ports}) {{ {body} }}'
    return list(graph.parse(text, {n: graph.np.ones(s, "float32") for n, s in weights.items()})
                .graph.graph)  # fmt: skip


def names(values):
    return [v.name for v in values]


def test_shapes_and_ends_are_not_read():
    assert names(read(nodes("y = Clip(x, low, high)", low=(), high=())[0])) == ["x"]
    assert names(read(nodes("y = Add(x, k)", k=(4,))[0])) == ["x", "k"]


def test_an_activation_is_handed_on_for_the_layer_that_absorbs_it():
    layer = nodes("a = Conv(x, w)  y = Relu(a)", w=(4, 4, 1, 1))[0]
    assert handed_on(layer, SCHEME).name == "y"
    assert handed_on(layer, replace(SCHEME, closed=frozenset())).name == "a"


def test_what_others_read_too_is_not_absorbed():
    layer = nodes("a = Conv(x, w)  r = Relu(a)  y = Add(r, a)", w=(4, 4, 1, 1))[0]
    assert absorbed(layer, SCHEME) == []


def test_an_output_of_the_graph_is_not_absorbed():
    ports = "float[1,4,1,1] x) => (float[1,4,1,1] a, float[1,4,1,1] y"
    layer = nodes("a = Conv(x, w)  y = Relu(a)", ports, w=(4, 4, 1, 1))[0]
    assert handed_on(layer, SCHEME).name == "a"


def test_a_matmul_absorbs_its_bias_only_where_all_is_integers():
    layer = nodes("m = MatMul(x, w)  a = Add(b, m)  y = Relu(a)", w=(4, 4), b=(4,))[0]
    add, index = bias_of(layer)
    assert (add.outputs[0].name, index) == ("a", 0)
    assert handed_on(layer, LITERT_INT8).name == "y"
    assert absorbed(layer, SCHEME) == []


@pytest.mark.parametrize("shape", [(1,), (2, 4), (2, 1)])
def test_a_constant_that_is_not_one_for_each_column_is_no_bias(shape):
    assert bias_of(nodes("m = MatMul(x, w)  y = Add(m, b)", w=(4, 4), b=shape)[0]) is None


def test_a_shortcut_is_the_branch_that_no_convolution_makes():
    body = "c = Conv(x, w)  y = Add(x, c)"
    conv, add = nodes(body, "float[1,4,1,1] x) => (float[1,4,1,1] y", w=(4, 4, 1, 1))
    assert shortcut(add, TENSORRT_10, [conv]).name == "x"
    assert shortcut(add, TENSORRT_10, []) is None
    assert shortcut(add, Scheme("int8", "int8"), [conv]) is None


@pytest.mark.parametrize("attribute", ["alpha = 2.0", "beta = 0.5", "transA = 1"])
def test_a_gemm_that_scales_or_turns_is_not_plain(attribute):
    assert not is_plain_gemm(nodes(f"y = Gemm <{attribute}> (x, w)", w=(4, 4))[0])
    assert is_plain_gemm(nodes("y = Gemm <transB = 1> (x, w)", w=(4, 4))[0])


def test_what_stands_among_indices_and_truths_is_read():
    ports = "bool[4] c, float[4] x, float[4] z, int64[2,1] i, float[2] u) => (float[4] y"
    assert names(read(nodes("y = Where(c, x, z)", ports)[0])) == ["x", "z"]
    assert names(read(nodes("y = ScatterND(x, i, u)", ports)[0])) == ["x", "u"]
    both = "float[2,4] x, float[4,3] z) => (float[2,3] y"
    equation = 'y = Einsum <equation = "ij,jk->ik"> (x, z)'
    assert names(read(nodes(equation, both)[0])) == ["x", "z"]


def test_matrices_side_by_side_are_no_layer_where_a_kernel_takes_two_values():
    stack = nodes("y = MatMul(x, w)", "float[3,2,4] x) => (float[3,2,5] y", w=(3, 4, 5))[0]
    matrix = nodes("y = MatMul(x, w)", w=(4, 4))[0]
    assert [is_layer(n, LITERT_INT8) for n in (stack, matrix)] == [False, True]
    assert is_layer(stack, SCHEME)
    assert not is_layer(nodes("y = Add(x, w)", w=(4,))[0], SCHEME)


def test_a_bias_belongs_to_a_matrix_alone():
    ports = "float[3,2,4] x) => (float[3,2,5] y"
    assert bias_of(nodes("m = MatMul(x, w)  y = Add(m, b)", ports, w=(3, 4, 5), b=(5,))[0]) is None
    assert bias_of(nodes("m = MatMul(x, w)  y = Add(m, b)", ports, w=(4, 5), b=(5,))[0])
