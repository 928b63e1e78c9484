"""The programs that every backend must hold, written as ONNX text with seeded weights."""

from __future__ import annotations

import numpy as np

from mcompile import graph
from mcompile.types import Program, Sample, Samples

_RNG_SEED = 7


def _weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(_RNG_SEED)
    return {
        name: (rng.standard_normal(s) / np.sqrt(max(1, np.prod(s[1:])))).astype(np.float32)
        for name, s in shapes.items()
    }


HEAD = """g = GlobalAveragePool(z)
      f = Flatten(g)
      y = Gemm <transB = 1> (f, wh, bh)"""

# name -> (signature, body, weights, other constants)
MODELS: dict[str, tuple[str, str, dict[str, tuple[int, ...]], dict[str, np.ndarray]]] = {
    "conv": (
        "(float[1,3,12,12] x) => (float[1,5] y)",
        f"""a = Conv <pads = [1,1,1,1]> (x, w1, b1)
      z = Relu(a)
      {HEAD}""",
        {"w1": (8, 3, 3, 3), "b1": (8,), "wh": (5, 8), "bh": (5,)},
        {},
    ),
    "depthwise": (
        "(float[1,8,12,12] x) => (float[1,5] y)",
        f"""a = Conv <group = 8, pads = [1,1,1,1]> (x, w1, b1)
      r = Relu(a)
      c = Conv (r, w2, b2)
      z = Relu(c)
      {HEAD}""",
        {"w1": (8, 1, 3, 3), "b1": (8,), "w2": (8, 8, 1, 1), "b2": (8,), "wh": (5, 8), "bh": (5,)},
        {},
    ),
    "grouped_dilated_asymmetric": (
        "(float[1,8,15,13] x) => (float[1,5] y)",
        f"""a = Conv <group = 2, dilations = [2,2], pads = [0,1,2,3], strides = [2,1]> (x, w1)
      z = Relu(a)
      {HEAD}""",
        {"w1": (8, 4, 3, 3), "wh": (5, 8), "bh": (5,)},
        {},
    ),
    "transposed": (
        "(float[1,4,6,6] x) => (float[1,5] y)",
        f"""a = ConvTranspose <strides = [2,2]> (x, w1)
      c = Conv (a, w2)
      z = Relu(c)
      {HEAD}""",
        {"w1": (4, 6, 2, 2), "w2": (8, 6, 3, 3), "wh": (5, 8), "bh": (5,)},
        {},
    ),
    "residual": (
        "(float[1,8,12,12] x) => (float[1,5] y)",
        f"""a0 = Conv <pads = [1,1,1,1]> (x, w1, b1)
      a = Relu(a0)
      b = Conv <pads = [1,1,1,1]> (a, w2, b2)
      s = Add(a, b)
      p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (s)
      c = Conv (p, w3)
      z = Relu(c)
      {HEAD}""",
        {
            "w1": (8, 8, 3, 3),
            "b1": (8,),
            "w2": (8, 8, 3, 3),
            "b2": (8,),
            "w3": (8, 8, 1, 1),
            "wh": (5, 8),
            "bh": (5,),
        },
        {},
    ),
    "squeeze_excite": (
        "(float[1,8,10,10] x) => (float[1,5] y)",
        f"""a0 = Conv <pads = [1,1,1,1]> (x, w1)
      a = Relu(a0)
      q = GlobalAveragePool(a)
      e0 = Conv (q, w2, b2)
      e = Sigmoid(e0)
      m = Mul(a, e)
      c = Conv (m, w3)
      z = Relu(c)
      {HEAD}""",
        {
            "w1": (8, 8, 3, 3),
            "w2": (8, 8, 1, 1),
            "b2": (8,),
            "w3": (8, 8, 1, 1),
            "wh": (5, 8),
            "bh": (5,),
        },
        {},
    ),
    "concat_of_scales": (
        "(float[1,4,8,8] x) => (float[1,5] y)",
        f"""a = Conv (x, w1)
      b0 = Conv (x, w2)
      b = Mul(b0, ten)
      k = Concat <axis = 1> (a, b)
      c = Conv (k, w3)
      z = Relu(c)
      {HEAD}""",
        {"w1": (4, 4, 1, 1), "w2": (4, 4, 1, 1), "w3": (8, 8, 1, 1), "wh": (5, 8), "bh": (5,)},
        {"ten": np.float32(10)},
    ),
    "attention": (
        "(float[1,6,16] x) => (float[1,6,16] y)",
        """q = MatMul(x, wq)
      k = MatMul(x, wk)
      v = MatMul(x, wv)
      kt = Transpose <perm = [0,2,1]> (k)
      s0 = MatMul(q, kt)
      s = Mul(s0, quarter)
      p = Softmax <axis = -1> (s)
      o = MatMul(p, v)
      r0 = MatMul(o, wo)
      r1 = Add(r0, bo)
      r = Add(r1, x)
      y = LayerNormalization <axis = -1> (r, g)""",
        {"wq": (16, 16), "wk": (16, 16), "wv": (16, 16), "wo": (16, 16), "bo": (16,)},
        {"quarter": np.float32(0.25), "g": np.ones(16, np.float32)},
    ),
    "dynamic_batch": (
        "(float[n,3,8,8] x) => (float[n,5] y)",
        f"""a = Conv (x, w1, b1)
      z = Relu(a)
      {HEAD}""",
        {"w1": (8, 3, 3, 3), "b1": (8,), "wh": (5, 8), "bh": (5,)},
        {},
    ),
    "two_in_two_out": (
        "(float[1,4] x, float[1,4] u) => (float[1,4] y, float[1,4] t)",
        """a = MatMul(x, w1)
      b = MatMul(u, w2)
      y = Add(a, b)
      t = Tanh(a)""",
        {"w1": (4, 4), "w2": (4, 4)},
        {},
    ),
    "embedding": (
        "(int64[1,5] x) => (float[1,5,6] y)",
        """e = Gather(table, x)
      y = MatMul(e, w1)""",
        {"table": (9, 8), "w1": (8, 6)},
        {},
    ),
}


def build(name: str) -> Program:
    """The program of that name, shapes filled in."""
    signature, body, shapes, others = MODELS[name]
    text = f'<ir_version: 9, opset_import: ["": 17]>\n{name} {signature} {{\n      {body}\n    }}'
    program = graph.parse(text, _weights(shapes) | others, name)
    graph.infer_shapes(program)
    return program


def noise(program: Program, count: int = 32, seed: int = 3) -> Samples:
    """Seeded inputs that fit the program: normal floats, small integers, one for a free size."""

    def stream():
        rng = np.random.default_rng(seed)
        for _ in range(count):
            yield Sample({p.name: _one(rng, p) for p in program.inputs})

    return Samples("seeded noise", stream, count)


def _one(rng, port):
    shape = [d if isinstance(d, int) else 1 for d in port.shape]
    if port.dtype.startswith("int"):
        return rng.integers(0, 9, shape, port.dtype)
    return rng.standard_normal(shape).astype(port.dtype)
