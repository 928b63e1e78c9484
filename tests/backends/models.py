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
    "padded_means": (
        "(float[1,8,9,9] x) => (float[1,5] y)",
        f"""a = Conv (x, w1, b1)
      m = AveragePool <kernel_shape = [3,3], pads = [1,1,1,1], count_include_pad = 1> (a)
      c = Conv (m, w2)
      z = Relu(c)
      {HEAD}""",
        {"w1": (8, 8, 1, 1), "b1": (8,), "w2": (8, 8, 1, 1), "wh": (5, 8), "bh": (5,)},
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
    "batched_matmul": (
        "(float[2,3,4,8] x, float[2,3,8,4] u) => (float[2,3,4,6] y)",
        """a = MatMul(x, u)
      y = MatMul(a, w1)""",
        {"w1": (4, 6)},
        {},
    ),
    "lstm": (
        "(float[5,1,6] x) => (float[1,4] y)",
        """h, last, c = LSTM <hidden_size = 8, direction = "bidirectional"> (x, w, r, b)
      k = ReduceMean <axes = [0,1], keepdims = 0> (h)
      y = MatMul(k, w1)""",
        {"w": (2, 32, 6), "r": (2, 32, 8), "b": (2, 64), "w1": (8, 4)},
        {},
    ),
    "gru": (
        "(float[5,1,6] x) => (float[5,1,1,4] y)",
        """h, last = GRU <hidden_size = 8, linear_before_reset = 1> (x, w, r, b)
      y = MatMul(h, w1)""",
        {"w": (1, 24, 6), "r": (1, 24, 8), "b": (1, 48), "w1": (8, 4)},
        {},
    ),
    "resize": (
        "(float[1,3,6,6] x) => (float[1,5] y)",
        f"""a0 = Conv (x, w1, b1)
      a = Relu(a0)
      n = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric",
                  nearest_mode = "floor"> (a, , twice)
      l = Resize <mode = "linear", coordinate_transformation_mode = "half_pixel"> (a, , twice)
      o = Resize <mode = "linear", coordinate_transformation_mode = "align_corners"> (a, , twice)
      s0 = Add(n, l)
      s = Add(s0, o)
      c = Conv (s, w2)
      z = Relu(c)
      {HEAD}""",
        {"w1": (4, 3, 1, 1), "b1": (4,), "w2": (8, 4, 3, 3), "wh": (5, 8), "bh": (5,)},
        {"twice": np.array([1, 1, 2, 2], np.float32)},
    ),
    "softmax_on_any_axis": (
        "(float[3,4,5] x) => (float[3,4,6] y)",
        """a = Softmax <axis = 0> (x)
      b = Softmax <axis = 1> (a)
      c = LogSoftmax <axis = -1> (b)
      y = MatMul(c, w1)""",
        {"w1": (5, 6)},
        {},
    ),
    "moves": (
        "(float[1,6,8,8] x) => (float[1,5] y)",
        f"""a = Conv <pads = [1,1,1,1]> (x, w1, b1)
      l, r = Split <axis = 1> (a, halves)
      t = Gather <axis = 1> (l, picked)
      s = Slice (r, starts, ends, along)
      p = Pad (s, pads)
      k = Concat <axis = 1> (t, p)
      c = Conv (k, w2)
      z = Relu(c)
      {HEAD}""",
        {"w1": (8, 6, 3, 3), "b1": (8,), "w2": (8, 6, 1, 1), "wh": (5, 8), "bh": (5,)},
        {
            "halves": np.array([4, 4]),
            "picked": np.array([3, 0]),
            "starts": np.array([1, 0]),
            "ends": np.array([7, 8]),
            "along": np.array([2, 3]),
            "pads": np.array([0, 0, 1, 0, 0, 0, 1, 0]),
        },
    ),
    "scalar_input": (
        "(float[1,4] x, float factor, int32[1,4] n) => (float[1,6] y, int32[1,4] m)",
        """a = Mul(x, factor)
      f = Cast <to = 1> (n)
      s = Add(a, f)
      y = MatMul(s, w1)
      m = Add(n, n)""",
        {"w1": (4, 6)},
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
    return np.asarray(rng.standard_normal(shape), port.dtype)
