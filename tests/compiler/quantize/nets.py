"""Small programs with seeded weights that the quantizer's tests share."""

import numpy as np

from mcompile import graph
from mcompile.types import Sample, Samples, Scheme

SCHEME = Scheme(
    "uint8", "int8", carried=frozenset({"Add", "MaxPool"}), same_scale=frozenset({"MaxPool"})
)


def residual(seed=0):
    """Two convolutions around a residual Add, a pool, and a linear head."""
    rng = np.random.default_rng(seed)

    def w(*shape):
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[1,3,16,16] x) => (float[1,10] y) {
      a0 = Conv <pads = [1,1,1,1]> (x, w1, b1)
      a = Relu(a0)
      b = Conv <pads = [1,1,1,1]> (a, w2, b2)
      s = Add(a, b)
      p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (s)
      c0 = Conv (p, w3, b3)
      c = Relu(c0)
      g = GlobalAveragePool(c)
      f = Flatten(g)
      y = Gemm <transB = 1> (f, w4, b4)
    }"""
    weights = {
        "w1": w(8, 3, 3, 3), "b1": w(8, 1)[:, 0], "w2": w(8, 8, 3, 3), "b2": w(8, 1)[:, 0],
        "w3": w(16, 8, 1, 1), "b3": w(16, 1)[:, 0], "w4": w(10, 16), "b4": w(10, 1)[:, 0],
    }  # fmt: skip
    program = graph.parse(text, weights, "residual")
    graph.infer_shapes(program)
    return program


def samples(program, count=8, seed=1):
    """Seeded normal inputs for the program's only input."""
    port = program.inputs[0]

    def stream():
        rng = np.random.default_rng(seed)
        for index in range(count):
            data = rng.standard_normal(port.shape).astype(np.float32)
            yield Sample({port.name: data}, name=str(index))

    return Samples("seeded noise", stream, count)
