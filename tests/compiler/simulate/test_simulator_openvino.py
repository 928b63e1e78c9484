"""Each op alone, fed the same integers, against OpenVINO's integer kernels."""

import numpy as np
import onnx_ir as ir
import pytest

from mcompile.simulate import Simulator

from .sandwiches import X86, Given, Out, codes, sandwich, steps_apart, weights

openvino = pytest.importorskip("openvino")


def compiled(program):
    """The program as OpenVINO runs it on one thread."""
    core = openvino.Core()
    model = core.read_model(ir.to_proto(program.graph).SerializeToString())
    return core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1})


def kernels_of(model):
    """The type in which each kernel of the compiled model computes, by its layer type."""
    nodes = model.get_runtime_model().get_ops()
    info = [n.get_rt_info() for n in nodes]
    return {i["layerType"].astype(str): i["runtimePrecision"].astype(str) for i in info}


def layer(rng, axis, *shape):
    return Given(weights(rng, *shape), rng.uniform(0.004, 0.02, shape[axis]), 0, axis, True)


def data(rng, *shape, zero=128):
    return Given(codes(rng, "uint8", *shape), 0.03, zero)


def cases():
    rng = np.random.default_rng(0)
    for zero in (0, 131):
        x, w = data(rng, 1, 16, 9, 9, zero=zero), layer(rng, 0, 32, 16, 3, 3)
        yield "conv", sandwich("Conv", [x, w], Out("uint8", 1.0, 120), pads=[1] * 4)
    x, w = data(rng, 1, 32, 9, 8, zero=0), layer(rng, 0, 32, 1, 3, 3)
    yield "depthwise", sandwich("Conv", [x, w], Out("uint8", 0.4, 120), group=32, strides=[2, 2])
    x, w = data(rng, 1, 8, 9, 8, zero=0), layer(rng, 0, 12, 4, 3, 3)
    yield "grouped", sandwich("Conv", [x, w], Out("uint8", 0.5, 0), group=2, then=[("Relu", {})])
    x, w = data(rng, 4, 64, zero=0), layer(rng, 1, 64, 24)
    yield "matmul", sandwich("MatMul", [x, w], Out("uint8", 0.8, 120))
    x, y = data(rng, 1, 16, 6, 6), Given(codes(rng, "uint8", 1, 16, 6, 6), 0.05, 99)
    yield "add", sandwich("Add", [x, y], Out("uint8", 0.06, 110))
    yield "mul", sandwich("Mul", [x, y], Out("uint8", 0.1, 128))
    how = {"kernel_shape": [3, 3], "strides": [2, 2]}
    yield "average", sandwich("AveragePool", [x], Out("uint8", 0.03, 128), **how)
    yield "whole average", sandwich("GlobalAveragePool", [x], Out("uint8", 0.01, 128))
    w = Given(weights(rng, 16, 8, 3, 3), 0.01, 0, None, True)
    yield "transposed", sandwich("ConvTranspose", [x, w], Out("uint8", 0.9, 128), strides=[2, 2])


@pytest.mark.parametrize("case", list(cases()), ids=lambda c: c[0])
def test_it_is_at_most_a_step_from_the_kernels(case):
    _, (program, feeds) = case
    simulator = Simulator(program, X86)
    assert simulator.integer
    got = simulator.run(feeds)["y"]
    assert np.unique(got).size > 10
    real = compiled(program)(feeds)[0]
    assert steps_apart(got, real) <= 1


def test_a_convolution_really_runs_on_integers_there():
    model = compiled(next(cases())[1][0])
    assert kernels_of(model)["Convolution"] in {"u8", "i8"}
