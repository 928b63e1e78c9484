"""Rules of LiteRT's integer specifications, one test each."""

import numpy as np
import pytest

from mcompile.oracle import Oracle
from mcompile.quantize import insert, plan
from mcompile.quantize.ranges import TensorRange
from mcompile.schemes.litert import (
    LITERT_INT8,
    LITERT_INT8_BY_CHANNEL,
    LITERT_INT8_THROUGHOUT,
    LITERT_INT16X8,
)

from .programs import activations, drawn, parsed, planned, seen

CONV = {"w": (4, 4, 1, 1), "v": (4, 4, 1, 1), "b": (4,)}


def net(body, sizes="1,4,4,4"):
    return f"net (float[{sizes}] x) => (float[{sizes}] y) {{ {body} }}"


def lines(text, weights=(), scheme=LITERT_INT8, **options):
    program, found = planned(text, dict(weights), scheme, **options)
    return drawn(program, found, scheme), found


def test_every_value_is_an_integer_from_input_to_output():
    found, plan = lines(net("a = Conv(x, w, b)  s = Add(a, x)  y = HardSwish(s)"), CONV)
    assert found == [
        "a = Conv([x], [w], [b])",
        "s = Add([a], [x])",
        "y = HardSwish([s])",
        "-> [y]",
    ]
    assert plan.left_float == {}


def test_outputs_keep_their_names_and_numbers():
    program, found = planned(net("a = Conv(x, w, b)  y = Relu(a)"), CONV, LITERT_INT8)
    data = {"x": np.random.default_rng(1).standard_normal((1, 4, 4, 4)).astype(np.float32)}
    written = insert(program, found, LITERT_INT8)
    assert [p.name for p in written.outputs] == ["y"]
    got, wanted = Oracle(written).run(data)["y"], Oracle(program).run(data)["y"]
    assert np.abs(got - wanted).max() < 4 * found.tensors["y"].scale


def test_activations_are_int8_with_a_zero_point_and_weights_int8_without():
    found = lines(net("y = Conv(x, w, b)"), CONV)[1].tensors
    assert {n: p.dtype for n, p in found.items()} == {"x": "int8", "y": "int8", "w": "int8"}
    assert found["w"].scale.shape == (4,)
    assert not found["w"].zero_point.any()


def test_all_positive_activations_use_all_codes():
    found = lines(net("a = Relu(x)  y = Conv(a, w)"), CONV)[1].tensors
    assert int(found["a"].zero_point) == -128


def test_a_bias_is_int32_at_the_scale_of_the_products():
    program, found = planned(net("y = Conv(x, w, b)"), CONV, LITERT_INT8)
    written = insert(program, found, LITERT_INT8).graph.graph.initializers
    assert written["b.integer"].const_value.numpy().dtype == np.int32
    wanted = found.tensors["x"].scale.astype(np.float64) * found.tensors["w"].scale
    np.testing.assert_allclose(written["b.scale"].const_value.numpy(), wanted, rtol=1e-6)


LINEAR = "net (float[2,4] x) => (float[2,6] y) { y = Gemm(x, w) }"


def test_fully_connected_has_one_weight_scale_unless_the_runtime_is_newer():
    assert lines(LINEAR, {"w": (4, 6)})[1].tensors["w"].scale.shape == ()
    newer = lines(LINEAR, {"w": (4, 6)}, LITERT_INT8_BY_CHANNEL)[1]
    assert newer.tensors["w"].scale.shape == (6,)


FIXED = [
    ("Softmax <axis = 1>", 1 / 256, -128),
    ("Sigmoid", 1 / 256, -128),
    ("Tanh", 1 / 128, 0),
    ("LogSoftmax <axis = 1>", 1 / 16, 127),
    ("LpNormalization <axis = 1>", 1 / 128, 0),
]


@pytest.mark.parametrize(("op", "scale", "zero"), FIXED)
def test_the_output_of_some_ops_is_fixed(op, scale, zero):
    name, _, attributes = op.partition(" ")
    found = lines(net(f"y = {name} {attributes} (x)"))[1]
    assert activations(found)["y"] == (scale, zero)


MOVES = [
    "Concat <axis = 1> (x, x)",
    "Flatten (x)",
    "Gather (x, k)",
    "GlobalMaxPool (x)",
    "Max (x, x)",
    "MaxPool <kernel_shape = [2,2]> (x)",
    "AveragePool <kernel_shape = [2,2]> (x)",
    "Min (x, x)",
    "Pad (x, pads)",
    "ReduceMax (x)",
    "ReduceMin (x)",
    "Reshape (x, shape)",
    'Resize <mode = "nearest"> (x, , sizes)',
    "Slice (x, from, to)",
    "SpaceToDepth <blocksize = 2> (x)",
    "Squeeze (x)",
    "Transpose (x)",
    "Unsqueeze (x, k)",
]
SHAPES = {
    "k": np.array([0]),
    "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
    "shape": np.array([4, 16]),
    "sizes": np.array([1.0, 1.0, 2.0, 2.0], np.float32),
    "from": np.array([0, 0, 1, 1]),
    "to": np.array([1, 4, 3, 3]),
}


@pytest.mark.parametrize("call", MOVES)
def test_what_only_moves_values_keeps_their_scale(call):
    text = f"net (float[1,4,4,4] x) => (float[A] y) {{ m = {call}  y = HardSwish(m) }}"
    program = parsed(text, {n: v for n, v in SHAPES.items() if f" {n}" in call or f", {n}" in call})
    found = plan(program, seen(program), LITERT_INT8)
    assert found.left_float == {}
    assert found.tensors["m"] == found.tensors["x"]


def test_every_part_of_a_split_keeps_the_scale():
    text = net("a, c = Split <axis = 1> (x)  y = Concat <axis = 1> (c, a)")
    found, plan = lines(text)
    assert len({*activations(plan).values()}) == 1
    assert found == ["a = Split([x])", "y = Concat([c], [a])", "-> [y]"]


def test_a_concat_widens_all_of_its_inputs():
    text = (
        "net (float[1,4,2,2] x) => (float[1,8,2,2] y) { a = Mul(x, k) y = Concat <axis=1> (a, x)}"
    )
    found = lines(text, {"k": np.array([3.0], np.float32)})[1]
    assert found.tensors["x"] == found.tensors["a"] == found.tensors["y"]
    program = parsed(text, {"k": np.array([3.0], np.float32)})
    held = seen(program)["a"]
    assert float(found.tensors["x"].scale) == pytest.approx((held.high - held.low) / 255, rel=1e-6)


def test_a_fixed_scale_wins_in_its_group():
    found = lines(
        net("s = Sigmoid(x)  t = Transpose(s)  y = Reshape(t, k)"), {"k": np.array([1, 4, 4, 4])}
    )[1]
    assert {activations(found)[n] for n in "sty"} == {(1 / 256, -128)}


def test_two_fixed_scales_cannot_be_joined_and_it_is_said():
    text = (
        "net (float[1,4] x) => (float[1,8] y) { s = Sigmoid(x) t = Tanh(x) y = Concat<axis=1>(s,t)}"
    )
    found, plan = lines(text)
    assert plan.left_float == {"y": "it would join s and t, whose fixed scales differ"}
    assert found[-2:] == ["y = Concat([s], [t])", "-> y"]


def test_a_fixed_scale_never_cuts_what_it_is_joined_with():
    text = "net (float[1,4] x) => (float[1,8] y) { s = Sigmoid(x) y = Concat<axis=1>(s, x) }"
    plan = lines(text)[1]
    assert plan.left_float == {"y": "it would join others to s, whose fixed scale is too small"}


@pytest.mark.parametrize("op", ["Conv(x, w)", "Add(x, x)", "Sub(x, x)", "Mul(x, x)"])
def test_an_activation_is_absorbed_and_nothing_between_has_a_scale(op):
    found, plan = lines(net(f"a = {op}  y = Relu(a)"), CONV)
    assert found[-2:] == ["y = Relu(a)", "-> [y]"]
    assert "a" not in plan.tensors


CLIPS = [((-1.0, 6.0), True), ((0.5, 6.0), False)]


@pytest.mark.parametrize(("ends", "vanishes"), CLIPS)
def test_a_clip_is_absorbed_where_its_ends_can_be_those_of_the_integers(ends, vanishes):
    low, high = (np.array(e, np.float32) for e in ends)
    text = net("a = Conv(x, w)  y = Clip(a, low, high)")
    plan = lines(text, CONV | {"low": low, "high": high})[1]
    assert ("a" not in plan.tensors) is vanishes


def test_an_activation_that_others_bypass_is_an_op_of_its_own():
    text = net("a = Conv(x, w)  r = Relu(a)  y = Add(r, a)")
    assert lines(text, CONV)[0] == [
        "a = Conv([x], [w])", "r = Relu([a])", "y = Add([r], [a])", "-> [y]",
    ]  # fmt: skip


def test_an_op_without_an_integer_kernel_is_an_island():
    found, plan = lines(net("a = Conv(x, w)  e = Erf(a)  q = Cos(e)  y = Conv(q, v)"), CONV)
    assert found == [
        "a = Conv([x], [w])", "e = Erf([a])", "q = Cos(e)", "y = Conv([q], [v])", "-> [y]",
    ]  # fmt: skip
    assert plan.left_float == {
        "e": "the runtime has no integer kernel for Erf",
        "q": "the runtime has no integer kernel for Cos",
    }


def test_a_node_kept_float_takes_what_it_absorbs_along():
    found, plan = lines(net("a = Conv(x, w)  r = Relu(a)  y = Conv(r, v)"), CONV, keep_float=["a"])
    assert found[:3] == ["a = Conv(x, w)", "r = Relu(a)", "y = Conv([r], [v])"]
    assert plan.left_float == {
        "a": "kept float by request",
        "r": "it belongs to a, which stays float",
    }


def test_shapes_and_indices_are_never_touched():
    text = """net (float[2,4] x) => (float[8] y) {
      s = Shape(x)
      n = ReduceProd <keepdims = 1> (s)
      y = Reshape(x, n)
    }"""
    found, plan = lines(text)
    assert found == ["s = Shape(x)", "n = ReduceProd(s)", "y = Reshape([x], n)", "-> [y]"]
    assert {*plan.tensors} == {"x", "y"}


def test_a_constant_that_an_op_reads_is_stored_as_integers():
    program, found = planned(net("y = Add(x, k)"), {"k": (4, 1, 1)}, LITERT_INT8)
    written = insert(program, found, LITERT_INT8)
    stored = written.graph.graph.initializers["k.integer"].const_value.numpy()
    assert stored.dtype == np.int8
    assert found.tensors["k"].scale.shape == ()
    assert drawn(program, found, LITERT_INT8) == ["y = Add([x], [k])", "-> [y]"]


def test_the_constant_behind_a_matmul_is_its_bias():
    text = "net (float[2,4] x) => (float[2,6] y) { m = MatMul(x, w) a = Add(m, b) y = Relu(a) }"
    weights = {"w": (4, 6), "b": (6,)}
    program, found = planned(text, weights, LITERT_INT8)
    assert {*found.tensors} == {"x", "w", "y"}
    assert drawn(program, found, LITERT_INT8) == [
        "m = MatMul([x], [w])", "a = Add(m, [b])", "y = Relu(a)", "-> [y]",
    ]  # fmt: skip
    written = insert(program, found, LITERT_INT8).graph.graph.initializers
    assert written["b.integer"].const_value.numpy().dtype == np.int32


def test_two_computed_values_are_multiplied_as_integers():
    text = "net (float[2,4] x) => (float[2,2] y) { t = Transpose(x) y = MatMul(x, t) }"
    assert lines(text)[0] == ["t = Transpose([x])", "y = MatMul([x], [t])", "-> [y]"]


def test_layers_may_share_a_weight_with_other_strides():
    text = """net (float[1,4,4,4] x) => (float[1,4,2,2] y) {
      a = Conv(x, w, b)
      y = Conv <strides = [2,2]> (a, w)
    }"""
    found, plan = lines(text, CONV)
    assert found == ["a = Conv([x], [w], [b])", "y = Conv([a], [w])", "-> [y]"]
    assert plan.left_float == {}


def test_what_was_not_observed_is_an_island():
    program = parsed(net("a = Conv(x, w)  y = HardSwish(a)"), CONV)
    ranges = {n: r for n, r in seen(program).items() if n != "a"}
    found = plan(program, ranges, LITERT_INT8)
    assert found.left_float == {
        "a": "its output was not observed",
        "y": "its input a was not observed",
    }


def test_a_computed_bias_keeps_the_layer_float():
    text = "net (float[1,4] x) => (float[1,4] y) { y = Gemm(x, w, x) }"
    plan = lines(text, {"w": (4, 4)})[1]
    assert plan.left_float == {"y": "its bias is not a constant for each channel"}


SIXTEEN = [("Softmax", 1 / 32768), ("Sigmoid", 1 / 32768), ("Tanh", 1 / 32768)]


@pytest.mark.parametrize(("op", "scale"), SIXTEEN)
def test_sixteen_bits_have_fixed_scales_of_their_own(op, scale):
    program = parsed(net(f"y = {op}(x)"))
    found = plan(program, seen(program), LITERT_INT16X8)
    assert activations(found)["y"] == (scale, 0)


def test_sixteen_bit_activations_are_symmetric_and_weights_have_eight():
    program = parsed(net("y = Conv(x, w)"), CONV)
    ranges = seen(program)
    found = plan(program, ranges, LITERT_INT16X8).tensors
    assert {n: p.dtype for n, p in found.items()} == {"x": "int16", "y": "int16", "w": "int8"}
    assert int(found["x"].zero_point) == 0
    reach = max(-ranges["x"].low, ranges["x"].high)
    assert float(found["x"].scale) == pytest.approx(reach / 32767, rel=1e-6)


def test_sixteen_bit_biases_have_64_and_stand_as_the_real_number_they_mean():
    program = parsed(net("y = Conv(x, w, b)"), CONV, opset=21)
    found = plan(program, seen(program), LITERT_INT16X8)
    assert drawn(program, found, LITERT_INT16X8) == ["y = Conv([x], [w], b)", "-> [y]"]
    written = insert(program, found, LITERT_INT16X8).graph.graph
    bias = next(n for n in written if n.op_type == "Conv").inputs[2].const_value.numpy()
    step = found.tensors["x"].scale.astype(np.float64) * found.tensors["w"].scale
    codes = bias / step
    np.testing.assert_allclose(codes, np.rint(codes), atol=0.02)


def test_sixteen_bits_have_no_kernel_for_some_ops():
    program = parsed(net("y = HardSwish(x)"))
    found = plan(program, seen(program), LITERT_INT16X8)
    assert found.left_float == {"y": "the runtime has no integer kernel for HardSwish"}


def test_sums_become_codes_in_fixed_point():
    assert LITERT_INT8.requantize == LITERT_INT16X8.requantize == "fixed"


def test_an_all_zero_tensor_has_a_scale():
    program, held = parsed(net("y = Relu(x)")), TensorRange()
    held.add(np.zeros(4, np.float32))
    found = plan(program, {"x": held, "y": held}, LITERT_INT8)
    assert all(float(p.scale) > 0 for p in found.tensors.values())


def test_values_are_never_read_by_channel_beside_a_float_layer():
    text = net("a = Conv(x, w)  k = Conv(a, v)  y = Conv(k, w)")
    program, found = planned(text, CONV, LITERT_INT8, keep_float=["k"])
    assert drawn(program, found, LITERT_INT8)[1] == "k = Conv([a], v)"
    written = insert(program, found, LITERT_INT8).graph.graph
    readers = [n for n in written if n.op_type == "DequantizeLinear" and n.inputs[0].producer()]
    assert all(n.inputs[1].const_value.numpy().ndim == 0 for n in readers)


def throughout(body, weights=(), sizes="1,4,4,4"):
    return lines(net(body, sizes), weights, LITERT_INT8_THROUGHOUT)


@pytest.mark.parametrize("op", ["Erf", "Softsign", "Reciprocal", "Softplus", "Selu", "Sin"])
def test_curves_without_a_kernel_are_on_integers_where_nothing_may_be_float(op):
    found, plan = throughout(f"y = {op}(x)")
    assert found == [f"y = {op}([x])", "-> [y]"]
    assert not plan.left_float
    assert lines(net(f"y = {op}(x)"), (), LITERT_INT8_BY_CHANNEL)[1].left_float


def test_where_one_scale_cannot_be_there_are_two_rather_than_a_float_op():
    body = "s = Sigmoid(x)  t = Tanh(x)  y = Concat <axis = 1> (s, t)"
    text = f"net (float[1,4,4,4] x) => (float[1,8,4,4] y) {{ {body} }}"
    plan = lines(text, (), LITERT_INT8_THROUGHOUT)[1]
    assert not plan.left_float
    scales = {n: float(plan.tensors[n].scale) for n in "sty"}
    assert scales["s"] == 1 / 256
    assert scales["t"] == 1 / 128
    assert scales["y"] not in (scales["s"], scales["t"])
    assert "y" in lines(text)[1].left_float


def test_constant_matrices_side_by_side_have_their_zero_in_the_middle():
    text = "net (float[3,2,4] x) => (float[3,2,5] y) { y = MatMul(x, w) }"
    found, plan = lines(text, {"w": (3, 4, 5)}, LITERT_INT8_THROUGHOUT)
    assert found == ["y = MatMul([x], [w])", "-> [y]"]
    assert int(plan.tensors["w"].zero_point) == 0
    assert plan.tensors["w"].scale.ndim == 0
