"""Curves read from tables: the codes of the oracle, on every kernel and in the simulator."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from mcompile import graph
from mcompile.backends.litert import Litert
from mcompile.backends.litert.draft import Quant
from mcompile.backends.litert.tables import erf, table
from mcompile.oracle import Oracle
from mcompile.schemes.litert import LITERT_INT8_THROUGHOUT
from mcompile.simulate import Simulator

from .test_parity_elementwise import KERNELS, TARGET, codes, quantized

S, OUT = (0.05, 3), (0.05, 3)
POSITIVE = (0.02, -128)
UNIT = (0.0078, 0)
ROWS = [  # text of the op, its operand's (scale, zero point), that of its output
    ("Acos(x)", UNIT, (0.013, -128)),
    ("Acosh(x)", POSITIVE, (0.01, -128)),
    ("Asin(x)", UNIT, (0.013, 0)),
    ("Asinh(x)", S, (0.02, 0)),
    ("Atan(x)", S, (0.012, 0)),
    ("Atanh(x)", (0.0075, 0), (0.02, 0)),
    ("Ceil(x)", S, OUT),
    ("Celu <alpha = 0.7> (x)", S, (0.03, -100)),
    ("Cos(x)", S, (0.0078, 0)),
    ("Cosh(x)", (0.02, 3), (0.03, -128)),
    ("Elu <alpha = 1.3> (x)", S, (0.03, -80)),
    ("Erf(x)", (0.02, 3), (0.0078, 0)),
    ("Floor(x)", S, OUT),
    ("HardSigmoid <alpha = 0.3> (x)", S, (1 / 256, -128)),
    ("Mish(x)", S, (0.03, -110)),
    ("Pow(x, third)", POSITIVE, (0.01, -128)),
    ("Reciprocal(x)", POSITIVE, (0.05, -128)),
    ("Round(x)", S, OUT),
    ("Selu(x)", S, (0.04, -80)),
    ("Shrink <bias = 0.5, lambd = 0.8> (x)", S, OUT),
    ("Sign(x)", S, (0.0078, 0)),
    ("Sin(x)", S, (0.0078, 0)),
    ("Sinh(x)", (0.02, 3), (0.03, 0)),
    ("Softplus(x)", S, (0.025, -128)),
    ("Softsign(x)", S, (0.0078, 0)),
    ("Sqrt(x)", POSITIVE, (0.009, -128)),
    ("Tan(x)", (0.01, 0), (0.03, 0)),
    ("ThresholdedRelu <alpha = 0.8> (x)", S, (0.03, -128)),
]
IDS = [r[0].split("(")[0].split()[0] for r in ROWS]


def alone(row, dtype="int8"):
    """The op between its pairs, and inputs that it has codes for."""
    text, given, out = row
    move = 128 if dtype == "uint8" else 0
    (scale, zero), (step, middle) = given, out
    found = (text, [(scale, zero + move)], (step, middle + move), dtype)
    program, feeds = quantized(found), codes(found)
    if text.startswith("Acosh"):
        feeds = {"x": np.maximum(feeds["x"], np.float32(1))}
    return program, feeds


def written(program, folder):
    Litert().lower(program, TARGET, folder)
    return (folder / "model.tflite").read_bytes()


def run(data, feeds, kernels):
    runner = Interpreter(model_content=data, num_threads=1,
                         experimental_op_resolver_type=KERNELS[kernels])  # fmt: skip
    runner.allocate_tensors()
    runner.set_tensor(runner.get_input_details()[0]["index"], feeds["x"])
    runner.invoke()
    types = {t["index"]: np.dtype(t["dtype"]).name for t in runner.get_tensor_details()}
    ops = [(op["op_name"], {types[i] for i in op["inputs"]}) for op in runner._get_ops_details()]
    return runner.get_tensor(runner.get_output_details()[0]["index"]), ops


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_at_most_a_step_from_the_oracle(row, kernels, tmp_path):
    program, feeds = alone(row)
    got, ops = run(written(program, tmp_path), feeds, kernels)
    want = Oracle(program).run(feeds)["y"]
    assert np.abs(got - want).max() / row[2][0] < 1.01
    assert len(np.unique(want)) >= 3
    if kernels == "reference":
        inner = [op for op in ops if op[0] not in ("QUANTIZE", "DEQUANTIZE")]
        assert [name for name, _ in inner] == ["CAST", "ADD", "GATHER"]
        assert not any("float32" in read for _, read in inner)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_the_simulator_knows_them(row, tmp_path):
    program, feeds = alone(row)
    got, _ = run(written(program, tmp_path), feeds, "reference")
    with Simulator(program, LITERT_INT8_THROUGHOUT) as simulated:
        want = simulated.run(feeds)["y"]
    assert np.abs(got - want).max() / row[2][0] < 1.01


def test_unsigned_codes_are_places_as_they_are(tmp_path):
    program, feeds = alone(("Erf(x)", (0.02, 3), (0.0078, 0)), "uint8")
    got, _ = run(written(program, tmp_path), feeds, "reference")
    assert np.abs(got - Oracle(program).run(feeds)["y"]).max() < 0.0078 * 1.01


def test_every_code_has_an_entry():
    same = Quant((0.1,), (5,))
    whole = table(lambda x: x, ("int8", same), ("int8", same))
    assert whole.dtype == np.int8
    assert whole.tolist() == list(range(-128, 128))
    assert table(erf, ("int8", Quant((0.02,), (0,))), ("int8", Quant((1 / 127,), (0,))))[128] == 0


def test_halves_are_rounded_away_from_zero_and_ends_hold():
    found = table(lambda x: 2.5 * x, ("int8", Quant((1.0,), (0,))), ("int8", Quant((1.0,), (0,))))
    assert found[[127, 128, 129]].tolist() == [-3, 0, 3]
    assert (found.min(), found.max()) == (-128, 127)


def test_what_is_no_number_is_nothing():
    found = table(np.sqrt, ("int8", Quant((1.0,), (0,))), ("int8", Quant((0.1,), (-100,))))
    assert set(found[:128].tolist()) == {-100}
    top = table(np.reciprocal, ("int8", Quant((1.0,), (0,))), ("int8", Quant((0.1,), (0,))))
    assert top[128] == 127


def test_what_reads_a_free_batch_is_read_from_a_table(tmp_path):
    head = '<ir_version: 10, opset_import: ["" : 20]>'
    body = """q = QuantizeLinear(x, s, z)
              d = DequantizeLinear(q, s, z)
              r = Erf(d)
              p = QuantizeLinear(r, s, z)
              y = DequantizeLinear(p, s, z)"""
    used = {"s": np.float32(0.02), "z": np.array(0, np.int8)}
    program = graph.parse(f"{head} g (float[n,3] x) => (float[n,3] y) {{ {body} }}", used)
    graph.infer_shapes(program)
    program = graph.program("free", program.graph)
    x = np.array([[0.0, 0.5, -1.0], [1.0, 2.0, -2.0]], np.float32)
    artifact = Litert().lower(program, TARGET, tmp_path)
    with Litert().open(artifact, tmp_path, 1) as runner:
        got = runner.run({"x": x})["y"]
    np.testing.assert_allclose(got, Oracle(program).run({"x": x})["y"], atol=0.0201)
