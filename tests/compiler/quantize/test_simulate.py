"""16-bit arithmetic on a machine that has none."""

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize.half import converted
from mcompile.quantize.simulate import simulated
from mcompile.quantize.slots import HALVES

TEXT = """<ir_version: 9, opset_import: ["": 17]>
net (float[1,6] x) => (float[1,6] y) {
  a = MatMul(x, one)
  b = Mul(a, a)
  c = Add(b, k)
  y = MatMul(c, one)
}"""
X = np.array([[1.2345, -3.3333, 0.01, 7.777, 100.123, 0.0]], np.float32)
K = np.float32(0.1)


def squares():
    program = graph.parse(TEXT, {"k": K, "one": np.eye(6, dtype=np.float32)})
    graph.infer_shapes(program)
    return program


def twin(dtype):
    made, _ = converted(squares(), dtype, {}, {})
    return simulated(made, HALVES[dtype])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_every_op_is_rounded(dtype):
    kind = HALVES[dtype].numpy()

    def rounded(data):
        return np.asarray(data, np.float32).astype(kind).astype(np.float32)

    got = Oracle(twin(dtype)[0]).run({"x": X})["y"]
    assert (got == rounded(rounded(rounded(X) ** 2) + rounded(K))).all()


def test_a_runtime_without_the_type_flatters_it():
    program = squares()
    made, _ = converted(program, "float16", {}, {})
    exact = Oracle(program).run({"x": X})["y"]
    errors = [
        np.abs(Oracle(p).run({"x": X})["y"] - exact).max()
        for p in (made, simulated(made, ir.DataType.FLOAT16)[0])
    ]
    assert errors[0] < errors[1]


def test_the_form_before_rounding_can_be_looked_at():
    made, raw = twin("float16")
    assert set(raw) == {"a", "b", "c", "y.half"}
    got = Oracle(made, [raw["b"]]).run({"x": X})[raw["b"]]
    half = X.astype(np.float16).astype(np.float32)
    assert got.dtype == np.float32
    assert (got == half * half).all()


def test_the_program_is_left_as_it_was():
    made, _ = converted(squares(), "float16", {}, {})
    before = ir.to_proto(made.graph).SerializeToString()
    simulated(made, ir.DataType.FLOAT16)
    assert ir.to_proto(made.graph).SerializeToString() == before
