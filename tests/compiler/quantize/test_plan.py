"""Which tensors the plan makes integers, and its arithmetic."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile import graph
from mcompile.errors import UsageError
from mcompile.quantize import TensorRange, insert, observe, plan
from mcompile.types import Scheme

from .nets import SCHEME, residual, samples


@pytest.fixture(scope="module")
def observed():
    program = residual()
    return program, observe(program, samples(program))


def test_a_residual_block_stays_integer_and_its_relu_is_absorbed(observed):
    found = plan(*observed, SCHEME)
    activations = {n for n, p in found.tensors.items() if p.dtype == "uint8"}
    assert activations == {"x", "a", "b", "s", "p", "c", "f"}


def test_outputs_of_the_graph_stay_float(observed):
    assert "y" not in plan(*observed, SCHEME).tensors


def test_zero_is_exact(observed):
    for name, params in plan(*observed, SCHEME).tensors.items():
        if params.dtype == "uint8":
            assert 0 <= int(params.zero_point) <= 255, name


def test_scales_cover_what_was_observed(observed):
    program, ranges = observed
    for name, params in plan(program, ranges, SCHEME).tensors.items():
        if params.dtype == "uint8" and name != "p":
            low = (0 - int(params.zero_point)) * float(params.scale)
            high = (255 - int(params.zero_point)) * float(params.scale)
            step = float(params.scale)
            assert low - step <= min(ranges[name].low, 0), name
            assert high + step >= ranges[name].high, name


def test_a_symmetric_scheme_has_no_zero_points(observed):
    scheme = replace(SCHEME, activations="int8", symmetric_activations=True)
    found = plan(*observed, scheme)
    assert all(not np.any(p.zero_point) for p in found.tensors.values())
    ranges = observed[1]
    assert found.tensors["x"].scale == pytest.approx(
        max(-ranges["x"].low, ranges["x"].high) / 127, rel=1e-6
    )


def test_same_scale_ops_share_their_input_s_parameters(observed):
    found = plan(*observed, SCHEME)
    assert found.tensors["p"] == found.tensors["s"]


def test_a_clip_narrows_the_integers_of_that_tensor_alone(observed):
    clips = {"x": observed[1]["x"].percentile(99.0)}
    narrow, wide = plan(*observed, SCHEME, clips), plan(*observed, SCHEME)
    changed = [
        n for n in wide.tensors if narrow.tensors[n].scale.max() < wide.tensors[n].scale.max()
    ]
    assert changed == ["x"]


def test_an_add_between_float_layers_is_left_out():
    program = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[1,4] x) => (float[1,4] y) {
          h = MatMul(x, w)
          s = Add(h, x)
          y = LayerNormalization(s, g)
        }""",
        {"w": np.eye(4, dtype=np.float32), "g": np.ones(4, np.float32)},
    )
    graph.infer_shapes(program)
    found = plan(program, observe(program, samples(program)), SCHEME)
    assert set(found.tensors) == {"x", "w"}


def one_conv(text, weights):
    program = graph.parse('<ir_version: 9, opset_import: ["": 17]>\n' + text, weights)
    graph.infer_shapes(program)
    return program, observe(program, samples(program))


W = {"w": np.ones((4, 4, 1, 1), np.float32)}
REFUSALS = [
    ("net (float[1,4,2,2] x) => (float[1,4,2,2] y) { y = Conv(x, w) }", W,
     "y", "its output leaves the graph"),
    ("net (float[1,4] x) => (float[1,4] y) { v = Reshape(x, s) \n y = MatMul(x, v) }",
     {"s": np.array([4, 1])}, "y", "its weight is computed, not constant"),
    ("net (float[1,4] x) => (float[1,4] y) { y = Gemm <alpha = 2.0> (x, w) }",
     {"w": np.eye(4, dtype=np.float32)}, "y", "alpha, beta or transA are not plain"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "weights", "name", "reason"), REFUSALS)
def test_what_is_left_float_says_why(text, weights, name, reason):
    assert plan(*one_conv(text, weights), SCHEME).left_float == {name: reason}


def test_a_tensor_without_a_range_takes_its_op_out(observed):
    program, ranges = observed
    found = plan(program, {k: v for k, v in ranges.items() if k != "f"}, SCHEME)
    assert found.left_float == {"y": "its input was not observed"}
    assert "w4" not in found.tensors


def test_a_dead_channel_s_bias_fits_its_integers():
    weight = np.zeros((4, 4, 1, 1), np.float32)
    text = """net (float[1,4,2,2] x) => (float[1,4,1,1] y) {
        c = Conv(x, w, b)
        y = GlobalAveragePool(c)
    }"""
    program, ranges = one_conv(text, {"w": weight, "b": np.full(4, 3.0, np.float32)})
    found = plan(program, ranges, SCHEME).tensors
    codes = 3.0 / (found["x"].scale * found["w"].scale.astype(np.float64))
    assert np.all(codes <= 2**31 - 1)


def test_an_empty_range_still_has_a_scale():
    held = TensorRange()
    held.add(np.zeros(4, np.float32))
    program, _ = one_conv(
        "net (float[1,4] x) => (float[1,4] y) { y = MatMul(x, w) }",
        {"w": np.eye(4, dtype=np.float32)},
    )
    assert plan(program, {"x": held}, Scheme("uint8", "int8")).tensors["x"].scale > 0


@pytest.mark.parametrize("name", ["y", "head"])
def test_a_named_node_stays_float(observed, name):
    program, ranges = observed
    list(program.graph.graph)[-1].name = "head"
    found = plan(program, ranges, SCHEME, keep_float=[name])
    assert found.left_float == {"y": "kept float by request"}
    assert "w4" not in found.tensors


def test_a_named_activation_keeps_the_layer_float_that_absorbs_it(observed):
    assert plan(*observed, SCHEME, keep_float=["c"]).left_float == {"c0": "kept float by request"}


def test_a_named_residual_stays_float(observed):
    found = plan(*observed, SCHEME, keep_float=["s"])
    assert found.left_float == {"s": "kept float by request"}
    written = insert(observed[0], found, SCHEME)
    add = next(n for n in written.graph.graph if n.op_type == "Add")
    assert add.outputs[0].name == "s"


def test_a_node_that_is_not_there_is_refused_with_the_nearest(observed):
    program, ranges = observed
    next(iter(program.graph.graph)).name = "backbone.conv_1"
    with pytest.raises(UsageError) as caught:
        plan(program, ranges, SCHEME, keep_float=["backbone.conv1"])
    assert caught.value.where == "--keep-float"
    assert "backbone.conv_1" in caught.value.fix


def test_of_a_hundred_far_names_none_is_listed():
    body = "\n".join(f"a_long_name_{k + 1} = Relu(a_long_name_{k})" for k in range(40))
    text = f"net (float[1,4] a_long_name_0) => (float[1,4] a_long_name_40) {{ {body} }}"
    program, ranges = one_conv(text, {})
    with pytest.raises(UsageError) as caught:
        plan(program, ranges, SCHEME, keep_float=["qqq"])
    assert "mcompile optimize" in caught.value.fix
