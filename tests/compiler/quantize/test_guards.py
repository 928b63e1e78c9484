"""Why an op stays float32: by what it is, by its constants, by the data."""

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.quantize.guards import FORMATS, KEPT, Guards, extremes
from mcompile.quantize.ranges import TensorRange
from mcompile.quantize.slots import slots

F16, BF16 = ir.DataType.FLOAT16, ir.DataType.BFLOAT16


def reasons(body, seen=None, half=F16, put_back=None, **weights):
    """Why each value's op stays float, by the value."""
    text = f"""<ir_version: 9, opset_import: ["": 17]>
    net (float[1,2,4,4] x, int64[4] i) => (float[1,2,4,4] y) {{ {body} }}"""
    program = graph.parse(text, weights)
    graph.infer_shapes(program)
    ranges = {}
    for name, data in (seen or {}).items():
        ranges[name] = TensorRange()
        ranges[name].add(np.array(data, np.float32))
    guards = Guards(FORMATS[half], ranges, put_back or {})
    nodes = program.graph.graph
    return {n.outputs[0].name: guards.reason(n, slots(n, 17, half)) for n in nodes}


@pytest.mark.parametrize(
    "op", ["Softmax", "Exp", "Log", "Sin", "ReduceMean", "InstanceNormalization"]
)
def test_some_ops_stay_whatever_the_data_says(op):
    extra = ", g, g" if op == "InstanceNormalization" else ""
    found = reasons(f"y = {op}(x{extra})", g=np.ones(2, np.float32))
    assert found["y"] == KEPT[op]


def test_a_norm_computed_in_float_inside_may_be_half():
    body = "y = LayerNormalization <axis = 3, stash_type = %d> (x, g)"
    g = np.ones(4, np.float32)
    assert not reasons(body % 1, g=g)["y"]
    assert "epsilon" in reasons(body % 16, g=g)["y"]


def test_values_beyond_a_quarter_of_the_range_stay():
    assert "x reaches 2e+04" in reasons("y = Relu(x)", {"x": [0, 20000]})["y"]
    assert "y reaches 2e+04" in reasons("y = Relu(x)", {"y": [-20000, 1]})["y"]
    assert not reasons("y = Relu(x)", {"x": [0, 16000]})["y"]
    assert not reasons("y = Relu(x)", {"x": [0, 20000]}, BF16)["y"]


def test_values_that_would_lose_digits_stay():
    assert "lose digits" in reasons("y = Relu(x)", {"y": [0, 1e-5]})["y"]
    assert not reasons("y = Relu(x)", {"y": [0, 0]})["y"]
    assert not reasons("y = Relu(x)", {"y": [0, 1e-5]}, BF16)["y"]


def test_large_constants_keep_their_op():
    why = reasons("y = Add(x, k)", k=np.float32(1e9))["y"]
    assert why == "its constant k reaches 1e+09, past the 65504 that 16 bits hold"
    assert not reasons("y = Add(x, k)", half=BF16, k=np.float32(1e9))["y"]


def test_small_constants_keep_their_op():
    assert "lose digits" in reasons("y = Add(x, k)", k=np.float32(1e-5))["y"]
    assert not reasons("y = Add(x, k)", k=np.float32(0))["y"]


def test_infinite_constants_are_fine():
    assert not reasons("y = Where(m, k, x)", k=np.float32(-np.inf), m=np.array(True))["y"]


def test_what_is_made_from_a_large_constant_stays_up_to_the_softmax():
    body = "m = Mul(x, k)\nt = Transpose(m)\np = Softmax(t)\ny = Relu(p)"
    found = reasons(body, {"m": [0], "t": [0]}, k=np.float32(-1e9))
    assert "m is made from a constant" in found["t"]
    assert found["p"]
    assert not found["y"]


@pytest.mark.parametrize(
    ("body", "binds"),
    [
        ("y = Max(x, low)", False),
        ("y = Max(x, high)", True),
        ("y = Min(x, high)", False),
        ("y = Min(x, low)", True),
        ("y = Clip(x, low, high)", False),
        ("y = Clip(x, high, high)", True),
    ],
)
def test_bounds_beyond_the_range_bind_nothing(body, binds):
    found = reasons(body, low=np.float32(-1e9), high=np.float32(1e9))
    assert bool(found["y"]) is binds


def test_averages_whose_sum_overflows_stay():
    body = "g = GlobalAveragePool(x)\ny = Relu(x)"
    assert not reasons(body, {"x": [0, 1000]})["g"]
    assert "16 terms may reach 2.4e+04" in reasons(body, {"x": [0, 1500]})["g"]
    assert "not known" in reasons(body)["g"]
    assert not reasons(body, half=BF16)["g"]
    pool = "y = AveragePool <kernel_shape = [2,2]> (x)"
    assert "4 terms may reach 2.4e+04" in reasons(pool, {"x": [0, 6000]})["y"]


def test_integers_are_halves_only_where_that_is_exact():
    assert "not exact" in reasons("y = Cast <to = 1> (i)")["y"]
    assert "not exact" in reasons("y = Cast <to = 1> (i)", {"y": [0, 2000]})["y"]
    assert not reasons("y = Cast <to = 1> (i)", {"y": [0, 1000]})["y"]
    assert not reasons("b = Cast <to = 9> (i)\ny = Cast <to = 1> (b)")["y"]


def test_neighbours_of_integer_arithmetic_stay():
    body = """d = DequantizeLinear(q, s)
    a = Add(x, d)
    b = Sigmoid(x)
    c = QuantizeLinear(b, s)
    y = Tanh(x)"""
    found = reasons(body, q=np.ones(4, np.uint8), s=np.float32(0.1))
    assert "reads dequantized" in found["a"]
    assert "becomes integers" in found["b"]
    assert not found["y"]


def test_what_was_put_back_stays_with_its_reason():
    assert reasons("y = Relu(x)", put_back={"y": "too far"})["y"] == "too far"


def test_a_filled_tensor_is_judged_by_its_value():
    body = "f = ConstantOfShape <value = float[1] {%s}> (i)\ny = Relu(x)"
    assert "reaches 1e+09" in reasons(body % "1e9")["f"]
    assert not reasons(body % "1.0")["f"]


def test_extremes_leave_out_what_is_not_finite():
    assert extremes(np.array([np.nan, -2, np.inf, 3], np.float32)) == (-2.0, 3.0)
    assert extremes(np.array([np.inf], np.float32)) == (0.0, 0.0)
