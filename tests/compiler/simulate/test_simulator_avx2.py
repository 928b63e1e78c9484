"""Saturation, against ONNX Runtime's kernels for a processor without VNNI, by emulation."""

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from mcompile.simulate import Simulator

from .sandwiches import X86, Given, Out, codes, runtime, sandwich, steps_apart, weights

EMULATOR = shutil.which("qemu-x86_64")
SATURATING = replace(X86, pair_saturates=True)
SCRIPT = """
import sys
import numpy as np
import onnxruntime as ort
folder, count = sys.argv[1], int(sys.argv[2])
options = ort.SessionOptions()
options.intra_op_num_threads = 1
for index in range(count):
    session = ort.InferenceSession(f"{folder}/{index}.onnx", options)
    with np.load(f"{folder}/{index}.npz") as feeds:
        np.save(f"{folder}/{index}.npy", session.run(None, dict(feeds))[0])
"""


def high(rng, *shape, dtype="uint8"):
    """Large activations: with weights of all 8 bits, many pairs overflow."""
    ends = np.iinfo(dtype)
    return Given(
        rng.integers(ends.max - 120, ends.max, shape, dtype, endpoint=True), 0.03, ends.max - 90
    )


def skewed(rng, axis, *shape):
    """Weights with whole stretches near an end of the range."""
    found = np.clip(
        weights(rng, *shape).astype(int)
        + rng.choice([-90, 0, 90], shape[0]).reshape([-1] + [1] * (len(shape) - 1)),
        -127,
        127,
    )
    return Given(found.astype(np.int8), rng.uniform(0.01, 0.02, shape[axis]), 0, axis, True)


def cases():
    """Name, program, feeds; and whether its kernel saturates."""
    rng = np.random.default_rng(0)
    conv = {"pads": [1, 1, 1, 1]}
    for name, dtype in (("conv", "uint8"), ("signed conv", "int8")):
        saturates = dtype == "uint8"
        x, w = high(rng, 1, 5, 7, 6, dtype=dtype), skewed(rng, 0, 6, 5, 3, 3)
        yield name, *sandwich("Conv", [x, w], Out(dtype, 1.5, 100), **conv), saturates
    x, w = high(rng, 1, 8, 9), skewed(rng, 0, 8, 2, 3)
    yield "grouped 1-D conv", *sandwich("Conv", [x, w], Out("uint8", 1.0, 128), group=4), True
    x, w = high(rng, 1, 4, 7, 6), skewed(rng, 0, 4, 1, 3, 3)
    yield "depthwise", *sandwich("Conv", [x, w], Out("uint8", 1.5, 128), group=4, **conv), False
    x, w = high(rng, 1, 4, 7, 6), skewed(rng, 0, 8, 1, 3, 3)
    yield (
        "depthwise by two",
        *sandwich("Conv", [x, w], Out("uint8", 1.5, 128), group=4, **conv),
        True,
    )
    x, w = high(rng, 5, 23), skewed(rng, 0, 7, 23)
    yield "gemm", *sandwich("Gemm", [x, w], Out("uint8", 1.5, 128), transB=1), True
    x, w = high(rng, 1, 23), skewed(rng, 1, 23, 7)
    yield "vector", *sandwich("MatMul", [x, w], Out("uint8", 1.5, 128)), True
    x, w = high(rng, 2, 3, 24), skewed(rng, 1, 24, 7)
    yield "matmul to floats", *sandwich("MatMul", [x, w], None), True
    x, y = high(rng, 2, 3, 24), Given(codes(rng, "uint8", 2, 24, 5), 0.02, 100)
    yield "two activations", *sandwich("MatMul", [x, y], Out("uint8", 1.5, 128)), False


@pytest.fixture(scope="module")
def emulated(tmp_path_factory):
    """What the emulated processor gives for each case, all in one process."""
    if EMULATOR is None:
        pytest.skip("qemu-x86_64 is not installed: apt-get install qemu-user")
    folder, found = tmp_path_factory.mktemp("avx2"), list(cases())
    for index, (_, program, feeds, _) in enumerate(found):
        ir.save(program.graph, folder / f"{index}.onnx")
        np.savez(folder / f"{index}.npz", **feeds)
    command = [
        EMULATOR,
        "-cpu",
        "Haswell",
        sys.executable,
        "-c",
        SCRIPT,
        str(folder),
        str(len(found)),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return {case[0]: np.load(folder / f"{k}.npy") for k, case in enumerate(found)}


@pytest.mark.parametrize("case", list(cases()), ids=lambda c: c[0])
def test_saturation_is_that_of_the_kernels(case, emulated):
    name, program, feeds, saturates = case
    got, real = Simulator(program, SATURATING).run(feeds)["y"], emulated[name]
    plain = Simulator(program, X86).run(feeds)["y"]
    assert np.array_equal(got, plain) != saturates
    if real.dtype == np.float32:
        np.testing.assert_allclose(got, real, rtol=1e-5, atol=1e-3)
    else:
        assert steps_apart(got, real) <= 1
        assert not saturates or steps_apart(plain, real) > 1


def test_without_saturation_the_sums_are_exact():
    rng = np.random.default_rng(1)
    x, w = high(rng, 4, 40), skewed(rng, 0, 6, 40)
    program, feeds = sandwich("Gemm", [x, w], Out("uint8", 2.0, 128), transB=1)
    got = Simulator(program, X86).run(feeds)["y"]
    assert steps_apart(got, runtime(program, feeds, fused=False)) <= 1
