"""Scales for engines without pairs, against numbers worked out by hand."""

import json

import numpy as np

from mcompile.backends.tensorrt.ranges import calibration_table, ranges_json, scales

from .written import one

PAIRS = """q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z)
 qw = QuantizeLinear(w, t, z) dw = DequantizeLinear(qw, t, z)
 m = MatMul(d, dw) qm = QuantizeLinear(m, u, z) y = DequantizeLinear(qm, u, z)"""


def program():
    return one(
        PAIRS,
        s=np.float32(0.0625),
        t=np.float32(0.5),
        u=np.float32(3 / 127),
        z=np.int8(0),
        w=np.ones((4, 4), np.float32),
    )


def test_activations_alone_have_ranges():
    assert scales(program()) == {"x": np.float32(0.0625), "m": np.float32(3 / 127)}


def test_the_table_holds_the_bits_of_the_scales():
    # 0.0625 is 2**-4: exponent 127 - 4 = 123 = 0x7b, so 0 01111011 0...0 = 3d800000.
    # 3/127 = 0.023622...: 2**-6 * 1.511811, exponent 121, mantissa 0.511811 * 2**23 = 0x418306.
    assert calibration_table(program()) == b"x: 3d800000\nm: 3cc18306\n"


def test_the_ranges_are_what_127_steps_reach():
    told = json.loads(ranges_json(program()))
    assert told["schema"] == 1
    np.testing.assert_allclose(
        [told["amax"]["x"], told["amax"]["m"]], [0.0625 * 127, 3.0], rtol=1e-7
    )


def test_the_wider_of_two_scales_counts():
    body = """q = QuantizeLinear(x, s, z) a = DequantizeLinear(q, s, z)
     r = QuantizeLinear(x, t, z) b = DequantizeLinear(r, t, z) y = Add(a, b)"""
    two = one(body, s=np.float32(0.5), t=np.float32(0.25), z=np.int8(0))
    assert calibration_table(two) == b"x: 3f000000\n"
