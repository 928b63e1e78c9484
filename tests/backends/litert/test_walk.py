"""A program node by node: which form is written, what is shared, what is named how."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.flatbuffer import Interface, packed
from mcompile.backends.litert.walk import Walk

from .lowered import KERNELS, model
from .test_litert import quantized


def test_codes_at_the_ports():
    draft = Draft()
    inputs, outputs = Walk(quantized(), draft, coded_ports=True).write()
    data = packed(draft, Interface(inputs, outputs, {}), "m")
    runner = Interpreter(model_content=data, experimental_op_resolver_type=KERNELS[1])
    (given,), (made,) = runner.get_input_details(), runner.get_output_details()
    assert given["dtype"] == made["dtype"] == np.int8
    assert given["quantization"][0] > 0
    assert [op.kind for op in draft.ops] == ["FULLY_CONNECTED"]


def walked(program, **how):
    draft = Draft()
    ports = Walk(program, draft, **how).write()
    return draft, ports


STORED = {"s": np.float32(0.1), "z": np.int8(0), "t": np.float32(0.2)}
PAIR = "q = QuantizeLinear (x, s, z)\n d = DequantizeLinear (q, s, z)\n"


def test_a_node_on_integers_reads_codes():
    body = PAIR + "r = Relu (d)\n p = QuantizeLinear (r, s, z)\n y = DequantizeLinear (p, s, z)"
    draft, _ = walked(model("float[2,3] x", body, **STORED))
    assert [(op.kind, op.inputs[0].dtype) for op in draft.ops] == [
        ("QUANTIZE", "float32"), ("RELU", "int8"), ("DEQUANTIZE", "int8"),
    ]  # fmt: skip


def test_a_node_that_hands_on_reals_reads_reals():
    draft, _ = walked(model("float[2,3] x", PAIR + "y = Relu (d)", **STORED))
    assert [op.kind for op in draft.ops] == ["QUANTIZE", "DEQUANTIZE", "RELU"]


def test_codes_of_another_scale_are_brought_there():
    body = PAIR + "p = QuantizeLinear (d, t, z)\n y = DequantizeLinear (p, t, z)"
    draft, _ = walked(model("float[2,3] x", body, **STORED))
    scales = [op.outputs[0].quant.scale[0] for op in draft.ops if op.kind == "QUANTIZE"]
    np.testing.assert_allclose(scales, [0.1, 0.2], rtol=1e-6)


def test_ports_keep_their_names():
    draft, (inputs, outputs) = walked(model("float[2,3] x", "a = Abs (x)\n y = Identity (a)"))
    assert [(n, t.name) for n, t in (*inputs, *outputs)] == [("x", "x"), ("y", "y")]
    assert [op.origin for op in draft.ops] == ["node a (Abs)"]


def test_an_output_that_is_an_input_is_a_copy():
    draft, (inputs, outputs) = walked(model("float[2,3] x", "y = Identity (x)"))
    assert inputs[0][1] is not outputs[0][1]
    assert [op.kind for op in draft.ops] == ["RESHAPE"]
