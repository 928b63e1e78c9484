"""How far a 16-bit program is from the float one."""

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.quantize.half import converted
from mcompile.quantize.nearness import Nearness

from .nets import residual, samples

F16 = ir.DataType.FLOAT16


def shifted(offset):
    """A net that adds a number and takes it away again: its digits are lost in 16 bits."""
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[2,8] x) => (float[2,8] y) {
      a = MatMul(x, w)
      b = Add(a, k)
      c = Sub(b, k)
      y = MatMul(c, w)
    }"""
    weights = {"w": np.eye(8, dtype=np.float32), "k": np.float32(offset)}
    program = graph.parse(text, weights)
    graph.infer_shapes(program)
    return program


def test_the_same_program_is_exact():
    program = residual()
    assert Nearness(program, samples(program), F16).held(program) == 200.0


def test_rounding_costs_what_it_costs():
    program = residual()
    made, _ = converted(program, "float16", {}, {})
    assert 50 < Nearness(program, samples(program), F16).held(made) < 90


def test_infinity_is_as_far_as_can_be():
    program = shifted(60000)
    made, _ = converted(program, "float16", {}, {})
    large = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[2,8] x) => (float[2,8] y) { a = MatMul(x, w)
          b = Mul(a, k)
          y = MatMul(b, w) }""",
        {"w": np.eye(8, dtype=np.float32), "k": np.float32(60000)},
    )
    graph.infer_shapes(large)
    made, _ = converted(large, "float16", {}, {})
    assert Nearness(large, samples(large), F16).held(made) == -200.0


def test_the_op_that_loses_the_digits_is_found():
    program = shifted(4096)
    made, left = converted(program, "float16", {}, {})
    near = Nearness(program, samples(program), F16)
    found = near.worst(made, left, 1, 40.0)
    assert list(found) == ["c"]
    assert "dB from float32, and the model below 40" in found["c"]


def test_what_is_float_already_is_not_named():
    program = shifted(4096)
    made, left = converted(program, "float16", {}, {"c": "so"})
    assert "c" not in Nearness(program, samples(program), F16).worst(made, left, 9, 40.0)
