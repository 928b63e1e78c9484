"""Recurrent layers step by step compute what they computed, and run on codes alone."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.backends.litert import Litert
from mcompile.backends.litert.listing import listed
from mcompile.backends.litert.spelling import spelled
from mcompile.oracle import Oracle
from mcompile.profile import Device, Runtime, Target
from mcompile.quantize import insert, observe, plan
from mcompile.schemes.litert import LITERT_INT8_THROUGHOUT
from mcompile.types import Precision, Sample, Samples

T, B, INS, H = 4, 2, 3, 5
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def weights(op, ways=1, *, bias=True):
    rng, rows = np.random.default_rng(2), GATES[op] * H
    found = {
        "w": rng.standard_normal((ways, rows, INS)),
        "r": rng.standard_normal((ways, rows, H)) * 0.5,
    }
    if bias:
        found["b"] = rng.standard_normal((ways, 2 * rows)) * 0.3
    return {n: a.astype(np.float32) for n, a in found.items()}


def program_of(body, used, outputs=f"float[{T},1,{B},{H}] y", version=20, inputs=""):
    head = f'<ir_version: 10, opset_import: ["" : {version}]>'
    text = f"{head} g (float[{T},{B},{INS}] x{inputs}) => ({outputs}) {{ {body} }}"
    found = graph.parse(text, used)
    graph.infer_shapes(found)
    return graph.program("layer", found.graph)


def feeds(names=("x",)):
    rng = np.random.default_rng(4)
    shapes = {"x": (T, B, INS), "h": (1, B, H), "c": (1, B, H)}
    return {n: rng.standard_normal(shapes[n]).astype(np.float32) for n in names}


def kinds(program):
    return [n.op_type for n in program.graph.graph]


def same(program, given):
    found = spelled(program)
    want, got = (Oracle(p).run(given) for p in (program, found))
    for name, data in want.items():
        np.testing.assert_allclose(got[name], data, rtol=1e-5, atol=1e-6)
    return found


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op", GATES)
def test_the_outputs_of_each_direction(op, direction, bias):
    ways = 2 if direction == "bidirectional" else 1
    said = f'{op} <hidden_size = {H}, direction = "{direction}">'
    body = f"y = {said} (x, w, r{', b' if bias else ''})"
    program = program_of(body, weights(op, ways, bias=bias), f"float[{T},{ways},{B},{H}] y")
    assert op not in kinds(same(program, feeds()))


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("start", ["", ", , h"])
def test_both_forms_of_a_gru(after, start):
    said = f"GRU <hidden_size = {H}, linear_before_reset = {after}>"
    program = program_of(f"y = {said} (x, w, r, b{start})", weights("GRU"),
                         inputs=f", float[1,{B},{H}] h" if start else "")  # fmt: skip
    assert "GRU" not in kinds(same(program, feeds(("x", "h") if start else ("x",))))


def test_states_that_are_given_and_handed_on():
    body = f"y, u, v = LSTM <hidden_size = {H}> (x, w, r, b, , h, c)"
    state = f"float[1,{B},{H}]"
    program = program_of(body, weights("LSTM"),
                         f"float[{T},1,{B},{H}] y, {state} u, {state} v",
                         inputs=f", {state} h, {state} c")  # fmt: skip
    assert "LSTM" not in kinds(same(program, feeds(("x", "h", "c"))))


def test_one_constant_state_beside_another_of_zeros():
    used = weights("LSTM") | {
        "h": np.zeros((1, B, H), np.float32),
        "c": np.full((1, B, H), 0.5, np.float32),
    }
    program = program_of(f"y = LSTM <hidden_size = {H}> (x, w, r, b, , h, c)", used)
    found = same(program, feeds())
    assert kinds(found).count("MatMul") == T  # the input's, and one for each step but the first


def test_the_last_state_alone():
    body = f", u = LSTM <hidden_size = {H}> (x, w, r, b)"
    program = program_of(body, weights("LSTM"), f"float[1,{B},{H}] u")
    found = same(program, feeds())
    assert "LSTM" not in kinds(found)
    assert "Unsqueeze" not in kinds(found)


@pytest.mark.parametrize(
    "said",
    [
        'LSTM <hidden_size = 5, activations = ["Tanh", "Tanh", "Tanh"]> (x, w, r, b)',
        "LSTM <hidden_size = 5, clip = 0.5> (x, w, r, b)",
        "LSTM <hidden_size = 5, input_forget = 1> (x, w, r, b)",
        "LSTM <hidden_size = 5> (x, w, r, b, lengths)",
        "LSTM <hidden_size = 5> (x, w, r, b, , , , peep)",
    ],
)
def test_what_these_cells_do_not_do_stays(said):
    others = {"lengths": np.array([4, 3], np.int32), "peep": np.ones((1, 15), np.float32)}
    used = weights("LSTM") | {n: a for n, a in others.items() if n in said}
    assert "LSTM" in kinds(spelled(program_of(f"y = {said}", used)))


def test_a_sequence_that_is_long_stays(monkeypatch):
    monkeypatch.setattr("mcompile.backends.litert.recurrences.MOST_STEPS", 3)
    body = f"y = GRU <hidden_size = {H}> (x, w, r, b)"
    assert "GRU" in kinds(spelled(program_of(body, weights("GRU"))))


@pytest.mark.parametrize("op", GATES)
def test_no_operator_of_the_file_computes_on_floats(op, tmp_path):
    program = program_of(f"y = {op} <hidden_size = {H}> (x, w, r, b)", weights(op))
    drawn = np.random.default_rng(6).standard_normal((8, T, B, INS)).astype(np.float32)
    data = Samples("drawn", lambda: iter([Sample({"x": x}) for x in drawn]))
    ready, scheme = spelled(program), LITERT_INT8_THROUGHOUT
    made = insert(ready, plan(ready, observe(ready, data), scheme), scheme)
    target = Target("edge", "e", "litert", Precision.INT8, Device(arch="x86_64"),
                    Runtime(ports="int8"))  # fmt: skip
    artifact = Litert().lower(made, target, tmp_path)
    ops = listed((tmp_path / "model.tflite").read_bytes())
    assert not [o.kind for o in ops if o.is_float or o.kind in ("QUANTIZE", "DEQUANTIZE")]
    want = Oracle(program).run({"x": drawn[0]})["y"]
    with Litert().open(artifact, tmp_path, 1) as runner:
        got = runner.run({"x": drawn[0]})["y"]
    assert 10 * np.log10((want**2).sum() / ((want - got) ** 2).sum()) > 20
