"""The integers of TensorRT, computed here, against ONNX Runtime with every pair left as written."""

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest

from mcompile.oracle import Oracle
from mcompile.quantize import insert
from mcompile.schemes.tensorrt import TENSORRT_8, TENSORRT_10
from mcompile.simulate import Simulator

from .programs import parsed, planned

SCHEMES = pytest.mark.parametrize("scheme", [TENSORRT_8, TENSORRT_10], ids=["8", "10"])
RESIDUAL = """net (float[1,3,16,16] x) => (float[1,16] y) {
  c = Conv <pads = [1,1,1,1], strides = [2,2]> (x, w, b)  r = Relu(c)
  p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (r)
  d = Conv <pads = [1,1,1,1]> (p, u, b)  t = Relu(d)
  e = Conv <pads = [1,1,1,1]> (t, v, b)  a = Add(e, p)  l = Relu(a)
  g = Conv <pads = [1,1,1,1], group = 16> (l, k, b)  s = Sigmoid(g)  i = Mul(g, s)
  j = Concat <axis = 1> (l, i)
  h = Conv (j, o, b)
  z = GlobalAveragePool(h)  f = Flatten(z)  y = Gemm(f, m)
}"""
LAYERS = {"w": (16, 3, 3, 3), "u": (16, 16, 3, 3), "v": (16, 16, 3, 3), "k": (16, 1, 3, 3),
          "o": (16, 32, 1, 1), "b": (16,), "m": (16, 16)}  # fmt: skip
SEEDS = range(4)


def weights():
    """Weights that keep what runs through about as large as it was."""
    rng = np.random.default_rng(7)
    made = {n: rng.standard_normal(s) / np.sqrt(max(1, np.prod(s[1:]))) for n, s in LAYERS.items()}
    return {n: a.astype(np.float32) for n, a in made.items()}


def feeds(seed):
    return {"x": np.random.default_rng(seed).standard_normal((1, 3, 16, 16)).astype(np.float32)}


def as_written(program, names):
    """Those values as ONNX Runtime computes them with Q/DQ pairs left as they are."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    model = ir.to_proto(program.graph)
    model.graph.output.extend(v for v in model.graph.value_info if v.name in names)
    session = ort.InferenceSession(model.SerializeToString(), options)
    return lambda given: dict(zip(names, session.run(names, given), strict=True))


def quantized(scheme):
    program, found = planned(RESIDUAL, weights(), scheme)
    return program, insert(program, found, scheme)


def noise_db(run, program):
    """Signal to noise of the outputs over all feeds, against the float program."""
    oracle = Oracle(program)
    wanted = np.concatenate([oracle.run(feeds(k))["y"] for k in SEEDS])
    found = np.concatenate([run(feeds(k))["y"] for k in SEEDS])
    return 10 * np.log10(np.square(wanted).sum() / np.square(wanted - found).sum())


@SCHEMES
def test_every_integer_is_within_a_step_of_onnx_runtimes(scheme):
    _, written = quantized(scheme)
    codes = [
        n.outputs[0].name
        for n in written.graph.graph
        if n.op_type == "QuantizeLinear" and not n.inputs[0].is_initializer()
    ]
    assert len(codes) == 8
    simulator, run = Simulator(written, scheme, also=codes), as_written(written, codes)
    assert simulator.integer == ("c", "d", "e", "g", "h")
    for seed in SEEDS:
        ours, theirs = simulator.run(feeds(seed)), run(feeds(seed))
        for name in codes:
            apart = np.abs(ours[name].astype(int) - theirs[name].astype(int))
            assert apart.max() <= 1, name
            assert np.unique(theirs[name]).size > 10, name


@SCHEMES
def test_the_outputs_carry_the_same_noise(scheme):
    program, written = quantized(scheme)
    ours = noise_db(Simulator(written, scheme).run, program)
    theirs = noise_db(as_written(written, ["y"]), program)
    assert 15 < theirs < 60
    assert abs(ours - theirs) < 0.3


def test_both_schemes_compute_the_same_numbers():
    runs = [as_written(quantized(s)[1], ["y"]) for s in (TENSORRT_8, TENSORRT_10)]
    for seed in SEEDS:
        first, second = (run(feeds(seed))["y"] for run in runs)
        np.testing.assert_array_equal(first, second)


def test_the_float_net_is_what_the_graph_says():
    """Outputs differ from sample to sample: an agreement of constants would prove nothing."""
    oracle = Oracle(parsed(RESIDUAL, weights()))
    found = np.stack([oracle.run(feeds(k))["y"] for k in SEEDS])
    assert (found.std(axis=0) > 0.01).all()
