"""Bad input, forms of a file, and the executor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from mcompile.backends.litert import Litert
from mcompile.errors import LoweringError
from mcompile.profile import Runtime
from mcompile.quantize import half, insert, observe, plan
from mcompile.types import Precision, Sample, Samples

from .lowered import drawn, parsed, target, written

WEIGHTS = drawn(w=(64, 48), b=(48,))
LINEAR = "a = MatMul (x, w)\n y = Add (a, b)"


def linear(batch="2"):
    return parsed(f"(float[{batch},64] x) => (float[{batch},48] y)", LINEAR, WEIGHTS)


def noise(program):
    def stream():
        rng = np.random.default_rng(1)
        for _ in range(8):
            yield Sample({p.name: rng.standard_normal(p.shape).astype(np.float32)
                          for p in program.inputs})  # fmt: skip

    return Samples("seeded noise", stream, 8)


def quantized():
    program, scheme = linear(), Litert().scheme
    return insert(program, plan(program, observe(program, noise(program)), scheme), scheme)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (lambda: parsed("(float[n,m] x) => (float[n,m] y)", "y = Abs (x)"), "one free size"),
        (
            lambda: parsed(
                "(bool c, float[2] x) => (float[2] y)",
                """y = If (c) <then_branch = t () => (float[2] a) { a = Abs (x) },
                               else_branch = e () => (float[2] d) { d = Neg (x) }>""",
            ),
            "If decides when the model runs",
        ),
        (lambda: parsed("(float[2] x) => (float[2] y)", "y = Bernoulli (x)"), "no builtin"),
    ],
)
def test_what_cannot_be_held_is_refused_and_nothing_is_written(program, said, tmp_path):
    with pytest.raises(LoweringError, match=said) as caught:
        Litert().lower(program(), target(), tmp_path)
    assert caught.value.where
    assert caught.value.fix
    assert not [*tmp_path.iterdir()]


def test_a_floor_that_lacks_an_operator(tmp_path):
    """Weights of int8 by channel beside floats came with TensorFlow Lite 2.17."""
    codes = np.random.default_rng(2).integers(-127, 128, (64, 48)).astype(np.int8)
    scales = np.linspace(0.01, 0.02, 48).astype(np.float32)
    body = "r = DequantizeLinear <axis = 1> (q, s)\n y = MatMul (x, r)"
    program = parsed("(float[2,64] x) => (float[2,48] y)", body, {"q": codes, "s": scales})
    Litert().lower(program, target(Precision.INT8_DYNAMIC, versions=">=1.0"), tmp_path)
    old = replace(target(), runtime=_Older())
    with pytest.raises(
        LoweringError, match=r"FULLY_CONNECTED version 12 came .* have 2\.16"
    ) as caught:
        Litert().lower(program, old, tmp_path / "nothing")
    assert caught.value.where == "node y (MatMul)"


@dataclass(frozen=True)
class _Older(Runtime):
    tensorflow: str = "2.16"


def test_halves_are_stored_as_such():
    program = linear()
    narrow = half(program, Precision.FP16, noise(program))[0]
    small, whole = written(narrow, precision=Precision.FP16), written(program)
    saved = (WEIGHTS["w"].size + WEIGHTS["b"].size) * 2
    assert saved * 0.9 < len(whole) - len(small) <= saved


def test_the_file_says_which_release_it_needs():
    assert b"min_runtime_version" in written(linear())


def test_a_file_of_halves_asks_no_processor_for_another_arithmetic():
    narrow = half(linear(), Precision.FP16, noise(linear()))[0]
    assert b"reduced_precision_support" not in written(narrow, precision=Precision.FP16)


def test_the_same_program_makes_the_same_bytes():
    assert written(quantized()) == written(quantized())
