"""Q/DQ pairs of another quantizer: the same codes as ONNX Runtime, in kernels of signed bytes."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from ai_edge_litert.interpreter import Interpreter

from mcompile import graph
from mcompile.backends.litert.foreign import adopted

from .lowered import KERNELS, fed, model, ops, worst, written

STEP = 0.05
STORED = {
    "s": np.float32(0.04), "z": np.uint8(117), "ws": np.float32(0.02), "bs": np.float32(0.0008),
    "wz": np.uint8(128), "bz": np.int32(0), "o": np.float32(STEP), "oz": np.uint8(100),
}  # fmt: skip
LAYER = """q = QuantizeLinear (x, s, z)
d = DequantizeLinear (q, s, z)
v = DequantizeLinear (w, ws, wz)
c = DequantizeLinear (b, bs, bz)
"""
CONV = f"{LAYER}r = Conv (d, v, c)\n"
GEMM = f"{LAYER}r = MatMul (d, v)\n"
ENDING = "p = QuantizeLinear (r, o, oz)\ny = DequantizeLinear (p, o, oz)"


def weights(shape, seed=3):
    rng = np.random.default_rng(seed)
    return {
        "w": rng.integers(1, 256, shape).astype(np.uint8),
        "b": rng.integers(-500, 500, shape[0]).astype(np.int32),
    }


def built(body=CONV + ENDING, made="float y", **other):
    return model("float[1,3,6,6] x", body, made, **(STORED | weights((4, 3, 3, 3)) | other))


def types(data, kind):
    """The types that operators of that kind read first."""
    found = Interpreter(model_content=data, experimental_op_resolver_type=KERNELS[1])
    told = {d["index"]: np.dtype(d["dtype"]).name for d in found.get_tensor_details()}
    return [told[op["inputs"][0]] for op in found._get_ops_details() if op["op_name"] == kind]


def same(program):
    """The file; a code may be one step off, for the kernels round what they sum in another way."""
    data = written(program)
    assert worst(program, data, [fed(program)]) < 1.01 * STEP
    return data


def test_unsigned_codes_become_signed_and_nothing_else_changes():
    assert types(same(built()), "CONV_2D") == ["int8"]


def test_weights_of_one_scale_a_channel_and_no_zero_point():
    each = np.linspace(0.01, 0.03, 4).astype(np.float32)
    wide = CONV.replace("(w, ws, wz)", "<axis = 0> (w, ws, wz)").replace(
        "(b, bs, bz)", "<axis = 0> (b, bs)"
    )
    zeros = np.full(4, 128, np.uint8)
    program = built(wide + ENDING, ws=each, bs=(each * np.float32(0.04)), wz=zeros)
    assert types(same(program), "CONV_2D") == ["int8"]
    bare = CONV.replace("(x, s, z)", "(x, s)").replace("(q, s, z)", "(q, s)")
    assert types(same(built(bare + ENDING)), "CONV_2D") == ["int8"]


def test_weights_off_centre_are_computed_in_reals():
    assert types(same(built(wz=np.uint8(90))), "CONV_2D") == ["float32"]
    signed = weights((4, 3, 3, 3))["w"].astype(np.int8)
    program = built(w=signed, wz=np.int8(7))
    assert types(same(program), "CONV_2D") == ["float32"]


def test_a_matrix_off_centre_is_computed_in_reals():
    stored = STORED | weights((5, 4)) | {"wz": np.uint8(3)}
    program = model("float[2,5] x", GEMM + ENDING, **stored)
    assert types(same(program), "FULLY_CONNECTED") == ["float32"]


def test_a_bias_in_other_units_is_brought_to_those_of_the_sums():
    program = built(bs=np.float32(0.0016))
    assert types(same(program), "CONV_2D") == ["int8"]


@pytest.mark.parametrize("curve", ["Sigmoid", "Tanh", "Softmax"])
def test_a_curve_of_another_range_is_computed_in_reals(curve):
    body = LAYER + f"r = {curve} (d)\n" + ENDING
    data = same(built(body, o=np.float32(0.003), oz=np.uint8(3)))
    kind = {"Sigmoid": "LOGISTIC"}.get(curve, curve.upper())
    assert types(data, kind) == ["float32"]


def test_a_curve_of_its_own_range_is_computed_on_integers():
    body = LAYER + "r = Sigmoid (d)\n" + ENDING
    data = written(built(body, o=np.float32(1 / 256), oz=np.uint8(0)))
    assert types(data, "LOGISTIC") == ["int8"]


def test_codes_that_leave_the_program_stay_unsigned():
    body = CONV + ENDING.replace("y = ", "h = ").replace("p", "y") + "\nk = Relu (h)"
    program = built(body, "uint8 y, float k")
    data = written(program)
    assert types(data, "CONV_2D") == ["int8"]
    assert worst(program, data, [fed(program)]) <= 1  # a code, or a number in steps of 0.05


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_codes_that_enter_have_the_scale_of_their_pair(kind):
    body = CONV.split("\n", 1)[1] + ENDING
    stored = STORED | weights((4, 3, 3, 3)) | {"z": np.array(117, kind)}
    program = model(f"{kind}[1,3,6,6] q", body, **stored)
    span = np.iinfo(kind)
    codes = np.random.default_rng(2).integers(span.min, span.max + 1, (1, 3, 6, 6)).astype(kind)
    data = written(program)
    assert types(data, "CONV_2D") == ["int8"]
    assert worst(program, data, [{"q": codes}]) < 1.01 * STEP


@pytest.mark.parametrize(
    "op", ["t = Transpose <perm = [0, 2, 3, 1]>", "t = MaxPool <kernel_shape = [2, 2]>"]
)
def test_codes_that_others_move_keep_their_numbers(op):
    moved = CONV + ENDING.replace("DequantizeLinear (p", "DequantizeLinear (t")
    body = moved.replace("y = ", f"{op} (p)\ny = ")
    assert types(same(built(body)), "CONV_2D") == ["int8"]


def test_scales_that_are_computed_and_blocks_are_left_alone():
    body = "t = Abs (s)\nq = QuantizeLinear (x, t, z)\ny = DequantizeLinear (q, t, z)"
    program = model("float[2,4] x, float s", body, z=np.uint8(3))
    adopted(program)
    assert [n.op_type for n in program.graph.graph] == ["Abs", "QuantizeLinear", "DequantizeLinear"]
    blocks = "v = DequantizeLinear <axis = 0, block_size = 2> (w, ws, wz)\ny = MatMul (x, v)"
    wide = np.ones((2, 3), np.float32)
    program = model(
        "float[2,4] x", blocks, opset=21,
        w=np.ones((4, 3), np.uint8), ws=wide, wz=np.ones((2, 3), np.uint8),
    )  # fmt: skip
    adopted(program)
    assert next(iter(program.graph.graph)).inputs[0].dtype == ir.DataType.UINT8


def test_a_constant_of_several_readers_is_stored_once():
    body = CONV + "v2 = DequantizeLinear (w, ws, wz)\nt = Conv (d, v2)\ny = Add (r, t)"
    program = built(body)
    adopted(program)
    weight = [n.inputs[0] for n in program.graph.graph if n.op_type == "DequantizeLinear"][1::2]
    stored = {v.name for v in program.graph.graph.initializers.values() if v.name.startswith("w.")}
    assert stored == {"w.signed"}
    assert all(graph.dtype_of(v) != "uint8" for v in weight)
    assert "QUANTIZE" in ops(written(program))
