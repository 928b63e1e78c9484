"""Which tensors the plan makes integers, and its arithmetic."""

from dataclasses import replace

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.errors import UsageError
from mcompile.oracle import Oracle
from mcompile.quantize import TensorRange, insert, observe, plan
from mcompile.quantize.edges import absorbed, handed_on, read
from mcompile.schemes.litert import LITERT_INT8
from mcompile.schemes.onnxruntime import ONNXRUNTIME_AVX2
from mcompile.schemes.openvino import OPENVINO
from mcompile.schemes.tensorrt import TENSORRT_8
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


KERNEL = np.random.default_rng(5).standard_normal((4, 4, 1, 1)).astype(np.float32)
STEPS = {
    "Conv": "Conv({a}, w)",
    "Relu": "Relu({a})",
    "Sigmoid": "Sigmoid({a})",
    "Tanh": "Tanh({a})",
    "Erf": "Erf({a})",
    "Add": "Add({a}, {b})",
    "Constant": "Mul({a}, k)",
    "Max": "Max({a}, {b})",
    "Transpose": "Transpose <perm = [0,1,3,2]> ({a})",
    "MaxPool": "MaxPool <kernel_shape = [1,1]> ({a})",
}
CHAINS = st.lists(
    st.tuples(st.sampled_from([*STEPS]), st.integers(0, 9), st.integers(0, 9)),
    min_size=1,
    max_size=7,
)
ANY = [
    LITERT_INT8,
    ONNXRUNTIME_AVX2,
    OPENVINO,
    replace(TENSORRT_8, least_channels=0),
]


def chained(steps):
    """A program whose every step reads values before it; the last two are joined by a Concat."""
    names, body = ["x"], []
    for index, (op, one, other) in enumerate(steps):
        a, b = names[-1 - one % len(names)], names[-1 - other % len(names)]
        names.append(f"v{index}")
        body.append(f"{names[-1]} = {STEPS[op].format(a=a, b=b)}")
    body.append(f"j = Concat <axis = 1> ({names[-1]}, {names[-2]})")
    text = f"net (float[1,4,3,3] x) => (float[1,4,3,3] y) {{ {' '.join(body)} y = Conv(j, u) }}"
    u = np.concatenate([KERNEL, KERNEL[::-1]], axis=1)
    return one_conv(text, {"w": KERNEL, "u": u, "k": KERNEL[0]})


@given(CHAINS, st.sampled_from(ANY))
@settings(deadline=None, max_examples=40, derandomize=True)
def test_on_any_graph_a_scale_is_shared_and_zero_is_exact(steps, scheme):
    program, ranges = chained(steps)
    found = plan(program, ranges, scheme)
    for params in found.tensors.values():
        ends = np.iinfo(params.dtype)
        assert np.all((params.zero_point >= ends.min) & (params.zero_point <= ends.max))
        assert np.all(params.scale > 0)
    free = [n for n in program.graph.graph if n.outputs[0].name not in found.left_float]
    for node in (n for n in free if n.op_type in scheme.same_scale):
        held = {v.name for v in [*read(node), *node.outputs]}
        if held <= {*found.tensors}:
            assert len({id(found.tensors[n]) for n in held}) == 1


@given(CHAINS)
@settings(deadline=None, max_examples=40, derandomize=True)
def test_integers_only_give_every_edge_of_an_integer_node_a_scale(steps):
    program, ranges = chained(steps)
    found = plan(program, ranges, LITERT_INT8)
    nodes = [n for n in program.graph.graph if n.outputs[0].name not in found.left_float]
    within = {m for n in nodes if n.op_type in LITERT_INT8.closed for m in absorbed(n, LITERT_INT8)}
    for node in (n for n in nodes if n not in within):
        for value in [*read(node), handed_on(node, LITERT_INT8)]:
            assert value.name in found.tensors, (node, value)
    assert {n.op_type for n in program.graph.graph if n not in nodes} <= {
        "Erf",
        *LITERT_INT8.same_scale,
    }


@given(CHAINS, st.sampled_from(ANY))
@settings(deadline=None, max_examples=25, derandomize=True)
def test_what_is_written_is_valid_and_near_the_source(steps, scheme):
    program, ranges = chained(steps)
    written = insert(program, plan(program, ranges, scheme), scheme)
    onnx.checker.check_model(ir.to_proto(written.graph), full_check=True)
    data = next(iter(samples(program))).feeds
    one, other = (Oracle(p).run(data)["y"].astype(np.float64) for p in (program, written))
    assert ((one - other) ** 2).sum() < 0.1 * (one**2).sum() + 1e-6


def test_a_constant_that_is_only_added_is_planned_like_an_activation():
    program, ranges = one_conv(
        "net (float[1,4] x) => (float[1,4] y) { y = Add(x, k) }",
        {"k": np.array([-1, 0, 2, 3], np.float32)},
    )
    params = plan(program, ranges, LITERT_INT8).tensors["k"]
    assert float(params.scale) == pytest.approx(4 / 255, rel=1e-6)
    assert int(params.zero_point) == -64


@pytest.mark.parametrize("between", ["p", "Relu(p)"])
@pytest.mark.parametrize("pool", ["GlobalAveragePool(c)", "AveragePool <kernel_shape = [2,2]> (c)"])
def test_the_steps_of_a_dead_mean_are_no_finer_than_kernels_take(pool, between):
    program = graph.parse(
        f"""<ir_version: 9, opset_import: ["": 17]>
        net (float[1,2,4,4] x) => (float y) {{
          c = Conv(x, w)
          p = {pool}
          r = {"Identity(p)" if between == "p" else between}
          d = Conv({"p" if between == "p" else "r"}, w)
          y = Sigmoid(d)
        }}""",
        {"w": np.eye(2, dtype=np.float32)[:, :, None, None]},
    )
    graph.infer_shapes(program)
    ranges = dict(observe(program, samples(program, 2)))
    dead = "p" if between == "p" else "r"
    ranges[dead] = TensorRange()
    ranges[dead].add(np.zeros(8, np.float32))
    scheme = replace(SCHEME, carried=SCHEME.carried | {"AveragePool", "GlobalAveragePool"})
    found = plan(program, ranges, scheme).tensors
    assert found["c"].scale / found[dead].scale <= 128
