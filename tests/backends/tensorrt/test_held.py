"""Types that TensorRT holds, and where."""

import numpy as np
import pytest

from mcompile.backends.tensorrt.held import held

from .written import one


def found(body, signature, **weights):
    program = one(body, signature, **weights)
    return [(str(s) if s else None, w) for n in program.graph.graph for s, w in held(n)]


@pytest.mark.parametrize(
    ("signature", "body", "since", "words"),
    [
        ("(double[2] x) => (double[2] y)", "y = Neg(x)", None, "float64 in float32 (x)"),
        ("(uint8[2] x) => (uint8[2] y)", "y = Identity(x)", None, "no uint8 here (x)"),
        ("(int16[2] x) => (int16[2] y)", "y = Neg(x)", None, "no int16 here (x)"),
        ("(int8[2] x) => (int8[2] y)", "y = Neg(x)", None, "no int8 here (x)"),
        ("(string[2] x) => (string[2] y)", "y = Identity(x)", None, "no string here (x)"),
        ("(bfloat16[2] x) => (bfloat16[2] y)", "y = Neg(x)", "9.0", "no bfloat16 (x)"),
    ],
)
def test_a_type_that_is_not_held(signature, body, since, words):
    told = found(body, signature)
    assert told[0][0] == since
    assert words in told[0][1]


def test_pictures_of_8_bits_enter_through_a_cast():
    body, signature = "f = Cast <to=1> (x) y = Neg(f)", "(uint8[2] x) => (float[2] y)"
    assert found(body, signature) == [("8.5", "has uint8 at the network's ports (x)")]
    inside = "u = Cast <to=2> (x) y = Cast <to=1> (u)"
    told = found(inside, "(float[2] x) => (float[2] y)")
    assert [since for since, _ in told] == [None, None]


def test_a_constant_of_64_bits_is_clamped_before_9():
    signature = "(int64[2] x) => (int64[2] y)"
    assert found("y = Add(x, c)", signature, c=np.array([1 << 40])) == [
        ("9.0", "clamps the int64 constant c to 32 bits")
    ]
    assert found("y = Add(x, c)", signature, c=np.array([(1 << 31) - 1, -(1 << 31)])) == []


def test_the_end_of_a_slice_may_be_far_beyond_the_tensor():
    ends = {"a": np.array([0]), "b": np.array([np.iinfo(np.int64).max])}
    assert found("y = Slice(x, a, b)", "(float[2] x) => (float[2] y)", **ends) == []
