"""Small programs with channels of very different size, seeded, for the tests of scaling."""

import numpy as np

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import insert, plan


def uneven(rng, count, spread):
    """Positive factors whose logarithms are normal: a few are far larger than the rest."""
    return np.exp(rng.standard_normal(count) * spread)


def chain(seed=0, spread=1.5):
    """Conv, Relu, depthwise Conv, PRelu, MaxPool, Conv, and through a Reshape into a Gemm."""
    rng = np.random.default_rng(seed)

    def w(*shape):
        return rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))

    one, two, three = (uneven(rng, n, spread) for n in (8, 8, 6))
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,3,12,12] x) => (float[1,5] y) {
      a0 = Conv <pads = [1,1,1,1]> (x, w1, b1)
      a = Relu(a0)
      d0 = Conv <pads = [1,1,1,1], group = 8> (a, w2, b2)
      d = PRelu(d0, slope)
      p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (d)
      c0 = Conv (p, w3, b3)
      c = Relu(c0)
      t = Transpose <perm = [0,2,3,1]> (c)
      f = Reshape(t, target)
      y = Gemm <transB = 1> (f, w4, b4)
    }"""
    by = [v.reshape(-1, 1, 1, 1) for v in (one, two, three)]
    held = {
        "w1": w(8, 3, 3, 3) * by[0], "b1": one * 0.1,
        "w2": w(8, 1, 3, 3) * by[1] / by[0], "b2": two * 0.1, "slope": np.full((8, 1, 1), 0.2),
        "w3": w(6, 8, 1, 1) * by[2] / two.reshape(1, -1, 1, 1), "b3": three * 0.1,
        "w4": w(5, 216) / np.tile(three, 36), "b4": np.zeros(5),
    }  # fmt: skip
    weights = {n: a.astype(np.float32) for n, a in held.items()} | {"target": np.array([1, -1])}
    return _told(text, weights, "chain")


def block(seed=0, outlier=30.0):
    """A norm whose output three layers read, a sum of them, Gelu, and one more layer."""
    rng = np.random.default_rng(seed)

    def w(*shape):
        return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)

    gain = np.ones(16, np.float32)
    gain[[3, 7]] = outlier
    inner = np.ones(16, np.float32)
    inner[5] = outlier
    text = """<ir_version: 10, opset_import: ["": 20]>
    net (float[1,9,16] x) => (float[1,9,4] y) {
      n = LayerNormalization(x, gain, shift)
      q = MatMul(n, wq)
      k = MatMul(n, wk)
      v0 = MatMul(n, wv)
      v = Add(v0, bv)
      qk = Mul(q, k)
      h = Add(qk, v)
      g = Gelu(h)
      y0 = MatMul(g, wo)
      y = Add(y0, bo)
    }"""
    quiet = w(16, 16) / gain[:, None] / 4, w(16, 16) / gain[:, None] / 4
    weights = {
        "gain": gain, "shift": gain * w(1, 16)[0], "wq": quiet[0], "wk": quiet[1],
        "wv": w(16, 16) / gain[:, None] * inner, "bv": w(1, 16)[0],
        "wo": w(16, 4) / inner[:, None], "bo": w(1, 4)[0],
    }  # fmt: skip
    return _told(text, weights, "block")


def _told(text, weights, name):
    program = graph.parse(text, weights, name)
    graph.infer_shapes(program)
    return program


def gap(one, other, stream):
    """The largest difference of two programs' outputs, relative to the largest output."""
    a, b = Oracle(one), Oracle(other)
    found = [(a.run(s.feeds), b.run(s.feeds)) for s in stream]
    largest = max(float(np.abs(x[n]).max()) for x, _ in found for n in x)
    return max(float(np.abs(x[n] - y[n]).max()) for x, y in found for n in x) / largest


def sqnr(reference, program, ranges, scheme, stream):
    """What the program on integers keeps of the reference's outputs, in dB."""
    a, b = Oracle(reference), Oracle(insert(program, plan(program, ranges, scheme), scheme))
    signal = noise = 0.0
    for sample in stream:
        for exact, got in zip(
            a.run(sample.feeds).values(), b.run(sample.feeds).values(), strict=True
        ):
            signal += float((exact.astype(np.float64) ** 2).sum())
            noise += float(((exact.astype(np.float64) - got) ** 2).sum())
    return 10 * np.log10(signal / noise)
