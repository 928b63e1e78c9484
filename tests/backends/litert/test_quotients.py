"""Quotients and lengths in ops that have kernels for codes compute what they computed."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.backends.litert.spelling import spelled
from mcompile.oracle import Oracle

UNIT = """l = ReduceL2 <keepdims = 1> (x, last)
          {bound}
          y = Div(x, m)"""
BODIES = {
    "by a number": ("y = Div(x, c)", ["Mul"]),
    "by a value": ("y = Div(z, p)", ["Reciprocal", "Mul"]),
    "of a number": ("y = Div(c, p)", ["Reciprocal", "Mul"]),
    "of one": ("y = Div(one, p)", ["Reciprocal"]),
    "by a root": ("r = Sqrt(p)\n y = Div(x, r)", ["Pow", "Mul"]),
    "unit, clipped": (UNIT.format(bound="m = Clip(l, tiny)"), ["LpNormalization"]),
    "unit, at most": (UNIT.format(bound="m = Max(l, tiny)"), ["LpNormalization"]),
    "unit, raised": (UNIT.format(bound="m = Add(tiny, l)"), ["LpNormalization"]),
    "unit, spread": (UNIT.format(bound="n = Clip(l, tiny)\n m = Expand(n, shape)"),
                     ["LpNormalization"]),
    "unit, alone": (UNIT.format(bound="").replace("(x, m)", "(x, l)"),
                    ["LpNormalization"]),
    "no unit: a large end": (UNIT.format(bound="m = Clip(l, c)"),
                             ["Mul", "ReduceSum", "Sqrt", "Clip", "Reciprocal", "Mul"]),
    "no unit: an upper end": (UNIT.format(bound="m = Clip(l, tiny, c)"),
                              ["Mul", "ReduceSum", "Sqrt", "Clip", "Reciprocal", "Mul"]),
    "no unit: of another": (UNIT.format(bound="m = Clip(l, tiny)").replace("(x, m)", "(z, m)"),
                            ["Mul", "ReduceSum", "Sqrt", "Clip", "Reciprocal", "Mul"]),
    "no unit: two axes": ("l = ReduceL2 <keepdims = 1> (x, two)\n y = Div(x, l)",
                          ["Mul", "ReduceSum", "Pow", "Mul"]),
    "L1": ("s = ReduceL1 <keepdims = 1> (x, last)\n y = Mul(x, s)", ["Abs", "ReduceSum", "Mul"]),
    "squares": ("s = ReduceSumSquare <keepdims = 1> (x, last)\n y = Mul(x, s)",
                ["Mul", "ReduceSum", "Mul"]),
    "all axes": ("s = ReduceL2(x)\n y = Mul(x, s)", ["Mul", "ReduceSum", "Sqrt", "Mul"]),
    "no axes kept": ("s = ReduceL2 <keepdims = 0> (x, two)\n t = Reshape(s, ones)\n y = Mul(x, t)",
                     ["Mul", "ReduceSum", "Sqrt", "Reshape", "Mul"]),
}  # fmt: skip
WEIGHTS = {
    "c": np.float32(3), "one": np.float32(1), "tiny": np.float32(1e-12),
    "last": np.array([-1]), "two": np.array([1, 2]), "shape": np.array([2, 3, 5]),
    "ones": np.array([2, 1, 1]),
}  # fmt: skip


def program_of(body, version=20):
    used = {n: w for n, w in WEIGHTS.items() if n in body.replace("(", " ").replace(")", " ")
            .replace(",", " ").split()}  # fmt: skip
    head = f'<ir_version: 10, opset_import: ["" : {version}]>'
    inputs = ", ".join(f"float[2,3,5] {n}" for n in "xzp")
    found = graph.parse(f"{head} g ({inputs}) => (float[2,3,5] y) {{ {body} }}", used)
    graph.infer_shapes(found)
    return graph.program("quotient", found.graph)


def feeds():
    rng = np.random.default_rng(3)
    x, z, p = (rng.standard_normal((2, 3, 5)).astype(np.float32) for _ in "xzp")
    return {"x": x, "z": z, "p": np.abs(p) + np.float32(0.2)}


@pytest.mark.parametrize(("body", "kinds"), BODIES.values(), ids=BODIES)
def test_the_same_in_ops_with_kernels(body, kinds):
    program = program_of(body)
    found = spelled(program)
    assert [n.op_type for n in found.graph.graph if n.op_type != "Identity"] == kinds
    want, got = (Oracle(p).run(feeds())["y"] for p in (program, found))
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-6)


def test_axes_that_are_attributes():
    body = "s = ReduceL2 <axes = [2], keepdims = 1> (x)\n y = Div(x, s)"
    program = program_of(body, 13)
    found = spelled(program)
    assert [n.op_type for n in found.graph.graph] == ["LpNormalization"]
    want, got = (Oracle(p).run(feeds())["y"] for p in (program, found))
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("body", ["n = Sub(c, c)\n y = Div(x, zero)", "y = Div(x, zero)"])
def test_a_division_by_nothing_stays(body, monkeypatch):
    monkeypatch.setitem(WEIGHTS, "zero", np.float32(0))
    assert "Div" in [n.op_type for n in spelled(program_of(body)).graph.graph]
