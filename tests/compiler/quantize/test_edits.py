"""The constants that follow lanes, layer by layer: what one side divides the other takes back."""

import numpy as np
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize.edits import constant_of
from mcompile.quantize.lanes import lanes
from mcompile.quantize.scaling import Scaling

RNG = np.random.default_rng(5)


def w(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


PLANES, ROWS = "1,4,5,5", "3,4"
CASES = {
    "conv": (PLANES, "a = Conv(x, m, b) y = Conv(a, r)", {"m": w(4, 4, 1, 1), "r": w(4, 4, 3, 3)}),
    "groups": (
        PLANES,
        "a = Conv <group = 2> (x, m, b) y = Conv <group = 2> (a, r)",
        {"m": w(4, 2, 1, 1), "r": w(6, 2, 1, 1)},
    ),
    "depthwise": (
        PLANES,
        "a = Conv(x, m) y = Conv <group = 4> (a, r)",
        {"m": w(4, 4, 1, 1), "r": w(8, 1, 3, 3)},
    ),
    "gemm": (
        ROWS,
        "a = Gemm <alpha = 0.5, beta = 2.0> (x, m, b) y = Gemm <transB = 1> (a, r)",
        {"m": w(4, 4), "r": w(6, 4)},
    ),
    "gemm across": (
        ROWS,
        "a = Gemm <transB = 1> (x, m, one) y = Gemm(a, r)",
        {"m": w(4, 4), "r": w(4, 6), "one": w(1)},
    ),
    "matmul": ("2,3,4", "c = MatMul(x, m) a = Add(c, b) y = MatMul(a, r)",
               {"m": w(4, 4), "r": w(4, 6)}),
    "norm": (ROWS, "a = LayerNormalization(x, g, b) y = MatMul(a, r)", {"g": w(4), "r": w(4, 6)}),
    "factor": (PLANES, "s = Sigmoid(x) a = Mul(s, m) y = Conv(a, r)",
               {"m": w(4, 1, 1), "r": w(4, 4, 1, 1)}),
    "factor read": (PLANES, "a = Conv(x, m) c = Mul(half, a) y = Conv(a, r)",
                    {"m": w(4, 4, 1, 1), "half": np.float32(0.5), "r": w(4, 4, 1, 1)}),
}  # fmt: skip


def program(shape, body, weights):
    text = f"""<ir_version: 9, opset_import: ["": 17]>
    net (float[{shape}] x) => (float y) {{ {body} }}"""
    made = graph.parse(text, {"b": w(4), **weights})
    graph.infer_shapes(made)
    return made


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_both_sides_cancel(case):
    source = program(*case)
    scaling = Scaling(source)
    (found,) = (s for s in lanes(scaling.graph) if s.free.any())
    scaling.divide(found, np.array([0.01, 3.0, 1.0, 50.0]))
    written = scaling.written()
    feeds = {"x": w(*source.inputs[0].shape)}
    wanted, got = Oracle(source, ["a"]).run(feeds), Oracle(written, ["a"]).run(feeds)
    np.testing.assert_allclose(got["y"], wanted["y"], rtol=1e-4, atol=1e-4)
    assert np.abs(got["a"] - wanted["a"]).max() > 0.1


def test_a_vector_makes_no_lanes():
    """What a MatMul with a vector makes has no axis of channels."""
    source = program(
        "2,3,4", "c = MatMul(x, v) y = Gemm <transB = 1> (c, r)", {"v": w(4), "r": w(6, 3)}
    )
    assert not any(s.free.any() for s in lanes(source.graph.graph))


def test_a_norm_over_more_than_channels_is_left_alone():
    body = "a = LayerNormalization <axis = 1> (x, g) y = MatMul(a, r)"
    source = program("2,3,4", body, {"g": w(3, 4), "r": w(4, 6)})
    assert not any(s.free.any() for s in lanes(source.graph.graph))


def test_of_two_constants_none_is_the_one():
    source = program(PLANES, "a = Add(b, b) y = Conv(x, m)", {"m": w(4, 4, 1, 1)})
    add, conv = list(source.graph.graph)
    assert constant_of(add) is None
    assert constant_of(conv) == 1
