"""What nodes read, hand on and absorb."""

from dataclasses import replace

import pytest

from mcompile import graph
from mcompile.quantize.edges import absorbed, bias_of, handed_on, is_plain_gemm, read, shortcut
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
