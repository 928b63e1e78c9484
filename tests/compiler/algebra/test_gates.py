from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.algebra import gates

RNG = np.random.default_rng(0)
W = RNG.standard_normal((6, 3)).astype(np.float32)
R = RNG.standard_normal((6, 2)).astype(np.float32)
GIVEN = {
    "w": W,
    "r": R,
    "wt": W.T.copy(),
    "wr": np.concatenate([W.T, R.T]),
    "b": RNG.standard_normal(6).astype(np.float32),
    "one": np.float32(1),
    "rows": RNG.standard_normal((4, 6)).astype(np.float32),
    "cut": np.array([2, 3, 1]),
    **{f"n{k}": np.array([k]) for k in (-4, -1, 0, 1, 2, 5, 9)},
}
GIVEN = {n.replace("-", "m"): v for n, v in GIVEN.items()}
BOTH = "a = Gemm<transB = 1>(x, w, b) c = Gemm<transB = 1>(h, r) s = Add(a, c) "


def found(text, value="y"):
    head = '<ir_version: 8, opset_import: ["" : 17]> g (float[4,3] x, float[4,2] h) => (y) '
    program = graph.parse(f"{head} {{ {text} }}", GIVEN)
    graph.infer_shapes(program)
    return gates.total({v.name: v for v in graph.values(program.graph.graph)}[value])


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (BOTH + "y = Slice(s, n2, n5, n1)", slice(2, 5)),
        (BOTH + "y = Slice(s, nm4, nm1, nm1)", slice(2, 5)),
        (BOTH + "z, y, v = Split<axis = 1>(s, cut)", slice(2, 5)),
        (BOTH + "z, q, y = Split<axis = -1>(s, cut)", slice(5, 6)),
        ("j = Concat<axis = 1>(x, h) s = Gemm(j, wr, b) y = Slice(s, n0, n5, n1)", slice(0, 5)),
        ("m = MatMul(x, wt) c = Gemm<transB = 1>(h, r, b) y = Add(m, c)", slice(0, 6)),
    ],
)
def test_a_gate_is_a_sum_of_two_products(text, columns):
    total = found(text)
    assert [v.name for v in total.sources()] == ["x", "h"]
    np.testing.assert_array_equal(total.slabs[0].matrix(), W[columns])
    np.testing.assert_array_equal(total.slabs[1].matrix(), R[columns])
    np.testing.assert_array_equal(total.bias, GIVEN["b"][columns].astype(np.float64))


def test_the_products_of_one_value_can_be_taken_apart():
    total = found(BOTH + "y = Identity(s)", "s")
    source = total.slabs[1].source
    assert [s.source.name for s in total.without(source).slabs] == ["x"]
    assert [s.source.name for s in total.of(source).slabs] == ["h"]
    assert not total.of(source).bias.any()
    assert total.without(source).same_bias(total)
    assert not total.of(source).same_bias(total)
    assert total.same(total)
    assert not total.same(total.of(source))


@pytest.mark.parametrize(
    "text",
    [
        "y = Relu(x)",
        "y = Gemm<transB = 1, alpha = 2.0>(x, w)",
        "y = Gemm<transB = 1>(x, w, rows)",
        "a = Gemm<transB = 1>(x, w) y = Add(a, rows)",
        "a = Gemm<transB = 1>(x, w) y = Slice(a, n0, n2, n0)",
        "a = Gemm<transB = 1>(x, w) y = Slice(a, n0, n5, n1, n2)",
        "a = Gemm<transB = 1>(x, w) d = Slice(a, n0, n1, n1) y = Add(a, d)",
        "a = Gemm<transB = 1>(x, w) y0 = Split<axis = 0>(a) y = Add(y0, b)",
    ],
)
def test_anything_else_is_no_sum(text):
    assert found(text) is None


def test_constants_along_a_row_are_added():
    total = found("a = Gemm<transB = 1>(x, w, b) c = Add(one, a) y = Add(c, b)")
    np.testing.assert_array_equal(total.bias, 2 * GIVEN["b"].astype(np.float64) + 1)


def test_a_sum_without_end_is_not_followed():
    more = " ".join(f"a{k + 1} = Add(a{k}, b)" for k in range(2000))
    text = f"a0 = Gemm<transB = 1>(x, w) {more} y = Relu(a2000)"
    assert found(text, "a2000") is None
    assert found(text, "a5") is not None


def test_equal_matrices_under_two_names_are_the_same():
    total = found("a = Gemm<transB = 1>(x, w) c = MatMul(x, wt) y = Add(a, c)")
    one, other = total.slabs
    assert one.same(other)
    assert not one.same(found("y = Gemm<transB = 1>(h, r)").slabs[0])


def test_operands_come_either_way_round():
    total = found(BOTH + "y = Relu(s)", "s")
    value = total.nodes[-1].outputs[0]
    assert [(a.name, b.name) for _, a, b in gates.pairs(value, "Add")] == [("a", "c"), ("c", "a")]
    assert list(gates.pairs(value, "Add", "Relu")) == []
    assert list(gates.pairs(value, "Mul")) == []
