"""What TensorRT asks of Q/DQ pairs."""

import numpy as np
import pytest

from mcompile.backends.tensorrt.pairs import half_layers, has_pairs, integer_layers, pairs

from .written import net, one, quantized, target

S, Z = np.float32(0.1), np.int8(0)


def found(body, **weights):
    program = one(body, "(float[2,4] x) => (float[2,4] y)", **weights)
    return [(str(s) if s else None, w) for n in program.graph.graph for s, w in pairs(n)]


PAIR = "q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z)"


def test_a_plain_pair_is_taken():
    assert found(PAIR, s=S, z=Z) == []


@pytest.mark.parametrize(
    ("scale", "zero", "words"),
    [
        (np.float32(0), Z, "scales that are constants above 0"),
        (S, np.int8(1), "the zero point 0 only"),
        (S, np.uint8(0), "no pairs of uint8"),
        (np.full(4, 0.1, np.float32), np.zeros(4, np.int8), "one scale for a tensor"),
    ],
)
def test_a_pair_that_none_takes(scale, zero, words):
    told = found(PAIR, s=scale, z=zero)
    assert told
    assert all(since is None for since, _ in told)
    assert any(words in w for _, w in told)


def test_a_computed_scale_is_refused():
    told = found(f"r = Relu(x) s = ReduceMax <keepdims=0> (r) {PAIR}", z=Z)
    assert [w for _, w in told] == ["takes scales that are constants above 0"] * 2


def test_a_missing_zero_point_is_read_since_9():
    told = found("q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s)", s=S, z=Z)
    assert told == [("9.0", "asks for a zero point")]


def test_scales_of_16_bits_are_read_since_10():
    told = found(
        "h = Cast <to=10> (x) q = QuantizeLinear(h, s, z) d = DequantizeLinear(q, s, z)"
        " y = Cast <to=1> (d)",
        s=np.float16(0.1),
        z=Z,
    )
    assert told == [("10.0", "reads scales of float16 as float32")] * 2


def test_integer_constants_are_read_since_10():
    body = "w = DequantizeLinear(c, s, z) y = MatMul(x, w)"
    told = found(body, c=np.ones((4, 4), np.int8), s=S, z=Z)
    assert told == [("10.0", "takes real constants behind a QuantizeLinear, no integer ones")]


def test_weights_may_have_a_scale_for_each_channel():
    scales, zeros = np.full(4, 0.1, np.float32), np.zeros(4, np.int8)
    body = "q = QuantizeLinear(c, s, z) w = DequantizeLinear(q, s, z) y = MatMul(x, w)"
    assert found(body, c=np.ones((4, 4), np.float32), s=scales, z=zeros) == []


def test_biases_of_32_bits_are_refused():
    body = "b = DequantizeLinear(c, s, n) y = Add(x, b)"
    told = found(body, c=np.ones(4, np.int32), s=S, n=np.int32(0))
    assert (None, "has no pairs of int32") in told


def test_layers_are_counted():
    made = quantized(target(">=8.5"))
    assert has_pairs(made)
    assert not has_pairs(net())
    assert integer_layers(made) == 2
    assert integer_layers(net()) == 0
    half = one("h = Cast <to=10> (x) r = Relu(h) y = Cast <to=1> (r)")
    assert half_layers(half) == 1
