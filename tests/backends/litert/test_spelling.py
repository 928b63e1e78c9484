"""Norms and curves in ops that have integer kernels compute what they computed."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.backends.litert import spelling
from mcompile.backends.litert.spelling import spelled
from mcompile.oracle import Oracle

RNG = np.random.default_rng(5)
WEIGHTS = {
    "g": (1 + 0.2 * RNG.standard_normal(6)).astype(np.float32),
    "b": RNG.standard_normal(6).astype(np.float32),
    "m": RNG.standard_normal(6).astype(np.float32),
    "v": (1 + RNG.random(6)).astype(np.float32),
    "last": (1 + 0.2 * RNG.standard_normal(5)).astype(np.float32),
    "shift": RNG.standard_normal(5).astype(np.float32),
    "both": (1 + 0.2 * RNG.standard_normal((4, 5))).astype(np.float32),
    "two": np.float32(2),
    "c": np.float32(3),
}
ROWS = {
    "layer": ("LayerNormalization <axis = -1> (x, last, shift)", 18,
              ["ReduceMean", "Sub", "LpNormalization", "Mul", "Add"]),
    "layer_old": ("LayerNormalization <axis = -1> (x, last, shift)", 17,
                  ["ReduceMean", "Sub", "LpNormalization", "Mul", "Add"]),
    "layer_of_two_axes": ("LayerNormalization <axis = 2> (x, both)", 20,
                          ["ReduceMean", "Sub", "Mul", "ReduceMean", "Add", "Pow", "Mul", "Mul"]),
    "rms": ("RMSNormalization <axis = -1> (x, last)", 23, ["LpNormalization", "Mul"]),
    "instance": ("InstanceNormalization (x, g, b)", 20, None),
    "group": ("GroupNormalization <num_groups = 3> (x, g, b)", 21, None),
    "batch": ("BatchNormalization (x, g, b, m, v)", 20, ["Mul", "Add"]),
    "swish": ("Swish <alpha = 1.5> (x)", 24, ["Mul", "Sigmoid", "Mul"]),
    "hard_sigmoid": ("HardSigmoid <alpha = 0.3> (x)", 20, ["Mul", "Add", "Clip"]),
    "sum": ("Sum(x, x, two)", 20, ["Add", "Add"]),
    "mean": ("Mean(x, two, x)", 20, ["Add", "Add", "Mul"]),
    "square": ("Pow(x, two)", 20, ["Mul"]),
    "quotient": ("Div(x, c)", 20, ["Mul"]),
}  # fmt: skip


def parsed(text, version):
    used = {
        n: w
        for n, w in WEIGHTS.items()
        if n in text.replace(")", ",").replace(" ", "").split("(")[1].split(",")
    }
    head = f'<ir_version: 10, opset_import: ["" : {version}]>'
    shape = "float[2,6,4,5]"
    program = graph.parse(f"{head} g ({shape} x) => ({shape} y) {{ y = {text} }}", used)
    graph.infer_shapes(program)
    return program


def restamped(program):
    """The same under an operator set that ONNX Runtime has."""
    imports = program.graph.opset_imports
    imports[""] = min(imports[""], 23)
    return program


def kinds(program):
    return [n.op_type for n in program.graph.graph]


@pytest.mark.parametrize("name", ROWS)
def test_the_spelling_computes_the_same(name):
    text, version, expected = ROWS[name]
    program = parsed(text, version)
    other = spelled(program)
    if expected is not None:
        assert kinds(other) == expected
    assert len(kinds(program)) == 1
    x = np.random.default_rng(8).standard_normal((2, 6, 4, 5)).astype(np.float32) + 0.5
    got = Oracle(restamped(other)).run({"x": x})["y"]
    want = x / (1 + np.exp(-1.5 * x)) if name == "swish" else Oracle(program).run({"x": x})["y"]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-4)


def test_long_rows_are_divided_by_their_deviation(monkeypatch):
    monkeypatch.setattr(spelling, "LONGEST_UNIT", 4)
    found = kinds(spelled(parsed("LayerNormalization <axis = -1> (x, last)", 20)))
    assert found == ["ReduceMean", "Sub", "Mul", "ReduceMean", "Add", "Pow", "Mul", "Mul"]


def test_a_division_by_a_root_is_a_product():
    head = '<ir_version: 10, opset_import: ["" : 20]>'
    text = "g (float[4] x, float[4] z) => (float[4] y) { r = Sqrt(z)\n y = Div(x, r) }"
    program = graph.parse(f"{head} {text}")
    graph.infer_shapes(program)
    assert "Div" not in kinds(spelled(program))
    assert "Pow" in kinds(spelled(program))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Gemm <alpha = 0.5, beta = 2.0> (x, w, last)", ["MatMul", "Add"]),
        ("Gemm <transA = 1> (x, u)", ["Transpose", "MatMul"]),
        ("Gemm <transB = 1, alpha = 0.5> (x, w)", ["MatMul"]),
        ("Gemm <transB = 1, alpha = 0.5, beta = 3.0> (x, x, z)",
         ["Transpose", "MatMul", "Mul", "Mul", "Add"]),
        ("Gemm(x, w, both)", ["MatMul", "Add"]),
        ("Gemm(x, w, last)", ["Gemm"]),
    ],
)  # fmt: skip
def test_a_gemm_that_is_no_layer_is_written_in_steps(text, found):
    used = {"w": (5, 5), "u": (3, 5), "last": (5,), "both": (3, 5)}
    named = text.split("(")[1].replace(")", "").replace(" ", "").split(",")
    weights = {n: RNG.standard_normal(s).astype(np.float32) for n, s in used.items() if n in named}
    head = '<ir_version: 10, opset_import: ["" : 20]>'
    rows = 5 if "transA" in text else 3
    columns = 3 if "x, x" in text else 5
    ports = f"float[3,5] x, float[3,3] z) => (float[{rows},{columns}] y"
    program = graph.parse(f"{head} g ({ports}) {{ y = {text} }}", weights)
    graph.infer_shapes(program)
    data = {n: RNG.standard_normal(s).astype(np.float32) for n, s in (("x", (3, 5)), ("z", (3, 3)))}
    made = spelled(program)
    assert kinds(made) == found
    want, got = (Oracle(p).run(data)["y"] for p in (program, made))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_a_norm_needs_to_know_its_own_axis_alone():
    head = '<ir_version: 10, opset_import: ["" : 20]>'
    ports, body = "float[5,n,k] x) => (float[5,n,k] y", "y = LayerNormalization (x, last)"
    program = graph.parse(f"{head} g ({ports}) {{ {body} }}", {"last": WEIGHTS["last"]})
    found = spelled(program)
    assert kinds(found) == ["ReduceMean", "Sub", "Mul", "ReduceMean", "Add", "Pow", "Mul", "Mul"]
    wider = graph.parse(f"{head} g ({ports.replace('k', '5')}) {{ {body} }}",
                        {"last": WEIGHTS["last"]})  # fmt: skip
    assert "LpNormalization" in kinds(spelled(wider))
    data = {"x": RNG.standard_normal((5, 3, 5)).astype(np.float32)}
    want, got = (Oracle(p).run(data)["y"] for p in (program, found))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-4)


def test_what_is_written_anew_has_the_shape_of_what_it_replaces():
    """A norm behind a norm is written too, though the first is gone by then."""
    head = '<ir_version: 10, opset_import: ["" : 20]>'
    body = "a = LayerNormalization (x, last)\n b = LayerNormalization (a, last)\n y = Relu(b)"
    program = graph.parse(f"{head} g (float[2,5] x) => (float[2,5] y) {{ {body} }}",
                          {"last": WEIGHTS["last"]})  # fmt: skip
    graph.infer_shapes(program)
    found = kinds(spelled(program))
    assert "LayerNormalization" not in found
    assert found.count("LpNormalization") == 2


@pytest.mark.parametrize(
    "text", ["Pow(x, c)", "Sum(x)", "Relu(x)", "BatchNormalization (x, g, b, m, x)"]
)
def test_what_has_no_spelling_stays(text):
    program = parsed(text, 20)
    assert kinds(spelled(program)) == kinds(program)
