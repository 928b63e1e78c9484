"""Where pairs stand for TensorRT: small graphs in, the exact inputs that are dequantized out."""

import numpy as np
import pytest

from mcompile.quantize import insert
from mcompile.schemes.tensorrt import TENSORRT_8, TENSORRT_10

from .programs import planned

P = "<pads = [1,1,1,1]>"
SQUARE = dict.fromkeys("uvw", (16, 16, 3, 3)) | {"b": (16,), "s": np.ones(16, np.float32)}
LINEAR = dict.fromkeys("qkvo", (16, 16)) | {"f": (16, 32), "g": (32, 16), "s": (16,)}
STEM = {"w": (16, 3, 7, 7), "u": (16, 16, 3, 3), "h": (32, 16, 1, 1), "f": (32, 16)}


def image(body, out="float[1,16,8,8] y", channels=16):
    return f"net (float[1,{channels},8,8] x) => ({out}) {{ {body} }}"


def tokens(body):
    return f"net (float[1,8,16] x) => (float[1,8,16] y) {{ {body} }}"


CASES = {
    "nothing between a convolution and its norm, activation and sum": (
        image(f"""c = Conv {P} (x, w, b)  n = BatchNormalization(c, s, s, s, s)  r = Relu(n)
            d = Conv {P} (r, v)  m = BatchNormalization(d, s, s, s, s)
            a = Add(m, x)  t = Relu(a)  y = Conv {P} (t, u)"""),
        SQUARE,
        [("c", 0), ("c", 1), ("d", 0), ("d", 1), ("y", 0), ("y", 1)],
    ),
    "of a residual sum the branch that no convolution makes": (
        image(f"c = Conv {P} (x, w)  r = Relu(c)  d = Conv {P} (r, v)  a = Add(d, x)  y = Relu(a)"),
        SQUARE,
        [("c", 0), ("c", 1), ("d", 0), ("d", 1), ("a", 1)],
    ),
    "of a residual sum whichever side it stands on": (
        image(f"r = Relu(x)  d = Conv {P} (r, v)  y = Add(r, d)"),
        SQUARE,
        [("d", 0), ("d", 1), ("y", 0)],
    ),
    "no branch of a sum whose convolution has other readers": (
        image(f"d = Conv {P} (x, v)  a = Add(x, d)  y = Mul(a, d)"),
        SQUARE,
        [("d", 0), ("d", 1)],
    ),
    "what pools read, and not what they make": (
        image(
            f"""c = Conv {P} (x, w)  r = Relu(c)
            p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (r)
            d = Conv {P} (p, v)  t = Relu(d)  y = GlobalAveragePool(t)""",
            "float[1,16,1,1] y",
        ),
        SQUARE,
        [("c", 0), ("c", 1), ("p", 0), ("d", 0), ("d", 1), ("y", 0)],
    ),
    "what a concat joins for a convolution, and what it makes": (
        image(f"c = Conv {P} (x, w)  r = Relu(c)  j = Concat <axis = 1> (r, x)  y = Conv (j, d)"),
        SQUARE | {"d": (16, 32, 1, 1)},
        [("c", 0), ("c", 1), ("j", 0), ("j", 1), ("y", 0), ("y", 1)],
    ),
    "no concat that only float ops read": (
        image(f"c = Conv {P} (x, w)  j = Concat <axis = 1> (c, x)  y = Sigmoid(j)",
              "float[1,32,8,8] y"),
        SQUARE,
        [("c", 0), ("c", 1)],
    ),
    "no gate: neither sigmoid nor product": (
        image(f"c = Conv {P} (x, w)  i = Sigmoid(c)  g = Mul(c, i)  y = Conv {P} (g, v)"),
        SQUARE,
        [("c", 0), ("c", 1), ("y", 0), ("y", 1)],
    ),
    "no product of one row, and no convolution of few channels": (
        image(
            f"""a = Sigmoid(x)  c = Conv {P} (a, w)  r = Relu(c)
            p = GlobalAveragePool(r)  f = Flatten(p)  y = Gemm(f, m)""",
            "float[1,16] y",
            channels=12,
        ),
        {"w": (12, 12, 3, 3), "m": (12, 16)},
        [("p", 0)],
    ),
    "products of several rows": (
        "net (float[8,16] x) => (float[8,16] y) {"
        " h = Gemm(x, q, s)  r = Relu(h)  y = MatMul(r, k) }",
        LINEAR,
        [("h", 0), ("h", 1), ("y", 0), ("y", 1)],
    ),
    "the linear layers of a transformer: not attention, norms, sums or gelu": (
        tokens("""n = LayerNormalization(x, s)  q1 = MatMul(n, q)  k1 = MatMul(n, k)
            v1 = MatMul(n, v)  k2 = Transpose <perm = [0,2,1]> (k1)  a = MatMul(q1, k2)
            z = Softmax(a)  c = MatMul(z, v1)  o1 = MatMul(c, o)  r = Add(o1, x)
            m = LayerNormalization(r, s)  h = MatMul(m, f)  e = Erf(h)  i = Mul(h, e)
            l = MatMul(i, g)  y = Add(l, r)"""),
        LINEAR,
        [(n, i) for n in ("q1", "k1", "v1", "o1", "h", "l") for i in (0, 1)],
    ),
    "a residual net from its image to its classifier": (
        image(
            f"""c = Conv <pads = [3,3,3,3]> (x, w)  r = Relu(c)
            p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (r)
            d = Conv {P} (p, u)  t = Relu(d)  e = Conv {P} (t, u)  a = Add(e, p)  l = Relu(a)
            k = Conv (l, h)  o = Relu(k)  z = GlobalAveragePool(o)  f1 = Flatten(z)
            y = Gemm(f1, f)""",
            "float[1,16] y",
            channels=3,
        ),
        STEM,
        [("c", 0), ("c", 1), ("p", 0), ("d", 0), ("d", 1), ("e", 0), ("e", 1), ("a", 1),
         ("k", 0), ("k", 1), ("z", 0)],
    ),
}  # fmt: skip


def placed(text, weights, scheme):
    """The inputs that a pair feeds: the node by what it makes, and which input it is."""
    program, found = planned(text, weights, scheme)
    nodes = [n for n in insert(program, found, scheme).graph.graph if "eLinear" not in n.op_type]
    return [
        (node.outputs[0].name, index)
        for node in nodes
        for index, value in enumerate(node.inputs)
        if value is not None and value.producer() is not None
        if value.producer().op_type == "DequantizeLinear"
    ]


@pytest.mark.parametrize("scheme", [TENSORRT_8, TENSORRT_10], ids=["8", "10"])
@pytest.mark.parametrize("case", CASES)
def test_pairs_stand_at(case, scheme):
    text, weights, expected = CASES[case]
    assert sorted(placed(text, weights, scheme)) == sorted(expected)


def test_what_a_concat_joins_and_makes_has_one_scale():
    text, weights, _ = CASES["what a concat joins for a convolution, and what it makes"]
    _, found = planned(text, weights, TENSORRT_10)
    assert len({float(found.tensors[n].scale) for n in ("r", "x", "j")}) == 1
    # x is read by the first convolution too: it has that one scale everywhere.
    assert {*found.tensors} == {"r", "x", "j", "w", "d"}
