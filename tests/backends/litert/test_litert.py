"""Bad input, forms of a file, and the executor."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from mcompile.backends.litert import Litert
from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.flatbuffer import Interface, packed
from mcompile.backends.litert.proof import proven
from mcompile.backends.litert.walk import Walk
from mcompile.errors import LoweringError
from mcompile.profile import Runtime
from mcompile.quantize import half, insert, observe, plan
from mcompile.types import Precision, Sample, Samples

from .lowered import KERNELS, drawn, parsed, target, written

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


def test_constants_beyond_two_gigabytes():
    draft = Draft()
    whole = np.broadcast_to(np.float32(0), (3, 1 << 28))
    tensor = draft.tensor("w", whole.shape, "float32", data=whole)
    with pytest.raises(LoweringError, match=r"3\.2 GB of constants"):
        packed(draft, Interface([], [("w", tensor)], {}), "m")


def test_what_the_runtime_refuses_names_the_node():
    draft = Draft()
    draft.origin = "node y (Add)"
    x, y = draft.tensor("x", (2, 3), "float32"), draft.tensor("y", (2, 4), "float32")
    made = draft.tensor("z", (2, 4), "float32")
    draft.emit("ADD", [x, y], [made], "AddOptions")
    data = packed(draft, Interface([("x", x), ("y", y)], [("z", made)], {}), "m")
    with pytest.raises(LoweringError, match="LiteRT refuses ADD") as caught:
        proven(data, draft, "m")
    assert caught.value.where == "node y (Add)"


def test_buffers_lie_at_multiples_of_sixteen():
    data = written(linear())
    for array in (WEIGHTS["w"].T, WEIGHTS["b"]):
        assert data.find(np.ascontiguousarray(array).tobytes()) % 16 == 0


def test_halves_are_stored_as_such():
    program = linear()
    narrow = half(program, Precision.FP16, noise(program))[0]
    small, whole = written(narrow, precision=Precision.FP16), written(program)
    saved = (WEIGHTS["w"].size + WEIGHTS["b"].size) * 2
    assert saved * 0.9 < len(whole) - len(small) <= saved


def test_the_file_says_which_release_it_needs():
    assert b"min_runtime_version" in written(linear())


def test_codes_at_the_ports():
    draft = Draft()
    inputs, outputs = Walk(quantized(), draft, coded_ports=True).write()
    data = packed(draft, Interface(inputs, outputs, {}), "m")
    runner = Interpreter(model_content=data, experimental_op_resolver_type=KERNELS[1])
    (given,), (made,) = runner.get_input_details(), runner.get_output_details()
    assert given["dtype"] == made["dtype"] == np.int8
    assert given["quantization"][0] > 0
    assert [op.kind for op in draft.ops] == ["FULLY_CONNECTED"]


def test_the_executor_follows_a_free_size_and_refuses_the_rest():
    program = linear("n")
    with tempfile.TemporaryDirectory() as folder:
        artifact = Litert().lower(program, target(), Path(folder))
        with Litert().open(artifact, Path(folder), 1) as executor:
            for rows in (3, 1, 5):
                x = np.ones((rows, 64), np.float32)
                np.testing.assert_allclose(
                    executor.run({"x": x})["y"], x @ WEIGHTS["w"] + WEIGHTS["b"], atol=1e-4
                )
            with pytest.raises(LoweringError, match="x is fed float64"):
                executor.run({"x": np.ones((2, 64))})
            with pytest.raises(LoweringError, match="nothing is fed to x"):
                executor.run({})
            found = executor.layers({"x": np.ones((2, 64), np.float32)}, 2)
            assert [(layer.op, layer.precision) for layer in found] == [("FULLY_CONNECTED", "fp32")]


def test_the_same_program_makes_the_same_bytes():
    assert written(quantized()) == written(quantized())
