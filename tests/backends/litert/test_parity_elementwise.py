"""Each op alone between Q/DQ pairs, on the codes that the oracle reads: at most one step apart.

    x -> QuantizeLinear -> DequantizeLinear -> op -> QuantizeLinear -> DequantizeLinear -> y

Inputs are whole codes, so that entering rounds nothing. Both kernels are run: XNNPACK's and the
reference ones.
"""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from mcompile import graph
from mcompile.backends.litert import Litert
from mcompile.oracle import Oracle
from mcompile.profile import Device, Target
from mcompile.types import Precision

TARGET = Target("desk", "d", "litert", Precision.INT8, Device(arch="x86_64"))
KERNELS = {"xnnpack": OpResolverType.AUTO, "reference": OpResolverType.BUILTIN_REF}
ENTRIES = {"QUANTIZE", "DEQUANTIZE", "TRANSPOSE"}
STEPS = {"Exp-int16": 2, "Tanh-int16": 2, "Softmax-int16": 8}
"""Tables of 16-bit kernels are interpolated: that far from the exact curve, by their design."""
ENDS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}

SHAPE = (2, 3, 4, 5)
S = (0.05, 3)
ROWS = [  # text of the op, its operands' (scale, zero point), that of its output, its own shapes
    ("Abs(x)", [S], (0.06, -90), "int8"),
    ("Add(x, z)", [S, (0.02, -7)], (0.08, 5), "int8"),
    ("Sub(x, z)", [S, (0.02, -7)], (0.08, 5), "int8"),
    ("Mul(x, z)", [S, (0.02, -7)], (0.13, 5), "int8"),
    ("Neg(x)", [S], (0.06, -10), "int8"),
    ("Exp(x)", [(0.02, 3)], (0.06, -120), "int8"),
    ("Log(x)", [(0.02, -128)], (0.05, 40), "int8"),
    ("Max(x, z)", [S, (0.02, -7)], (0.05, 3), "int8"),
    ("Min(x, z)", [S, S], S, "int8"),
    ("Pow(x, minus_half)", [(0.02, -128)], (0.02, -128), "int8"),
    ("Pow(x, two)", [S], (0.2, -128), "int8"),
    ("Relu(x)", [S], (0.03, -128), "int8"),
    ("Relu(x)", [S], (0.06, -100), "int8"),
    ("Clip(x, lo, hi)", [S], (0.05, 3), "int8"),
    ("Clip(x, lo, hi)", [S], (0.02, -40), "int8"),
    ("LeakyRelu <alpha = 0.2> (x)", [S], (0.06, -60), "int8"),
    ("PRelu(x, w)", [S], (0.06, -60), "int8"),
    ("Sigmoid(x)", [S], (1 / 256, -128), "int8"),
    ("Tanh(x)", [(0.02, 3)], (1 / 128, 0), "int8"),
    ("HardSwish(x)", [S], (0.04, -110), "int8"),
    ("Gelu(x)", [S], (0.04, -110), "int8"),
    ('Gelu <approximate = "tanh"> (x)', [S], (0.04, -110), "int8"),
    ("Softmax <axis = -1> (x)", [S], (1 / 256, -128), "int8"),
    ("Softmax <axis = 1> (x)", [S], (1 / 256, -128), "int8"),
    ("LogSoftmax <axis = -1> (x)", [S], (16 / 256, 127), "int8"),
    ("LpNormalization <axis = -1> (x)", [S], (1 / 128, 0), "int8"),
    ("ReduceMean(x, axes)", [S], (0.03, 3), "int8"),
    ("ReduceMax(x, axes)", [S], S, "int8"),
    ("ReduceMin(x, axes)", [S], S, "int8"),
    ("ReduceSum(x, axes)", [S], (0.4, 3), "int8"),
    ("Where(c, x, z)", [S, S], S, "int8"),
    ("Where(c, x, z)", [S, (0.02, -7)], (0.06, 9), "int8"),
    ("Add(x, z)", [(0.002, 0), (0.001, 0)], (0.003, 0), "int16"),
    ("Mul(x, z)", [(0.002, 0), (0.001, 0)], (0.07, 0), "int16"),
    ("Sub(x, z)", [(0.002, 0), (0.001, 0)], (0.003, 0), "int16"),
    ("Add(x, z)", [(2**-15, 0), (2**-15, 0)], (2**-14, 0), "int16"),
    ("Sub(x, z)", [(2**-15, 0), (2**-15, 0)], (2**-14, 0), "int16"),
    ("Sigmoid(x)", [(0.0005, 0)], (1 / 32768, 0), "int16"),
    ("Tanh(x)", [(0.0005, 0)], (1 / 32768, 0), "int16"),
    ("LeakyRelu <alpha = 0.2> (x)", [(0.002, 0)], (0.003, 0), "int16"),
    ("Abs(x)", [(0.002, 0)], (0.003, 0), "int16"),
    ("Max(x, z)", [(0.002, 0), (0.002, 0)], (0.002, 0), "int16"),
    ("Relu(x)", [(0.002, 0)], (0.001, 0), "int16"),
    ("Clip(x, lo, hi)", [(0.002, 0)], (0.002, 0), "int16"),
    ("Clip(x, lo, hi)", [(0.002, 0)], (0.0001, 0), "int16"),
    ("Neg(x)", [(0.002, 0)], (0.003, 0), "int16"),
    ("Exp(x)", [(0.0001, 0)], (0.001, 0), "int16"),
    ("Where(c, x, z)", [(0.002, 0), (0.001, 0)], (0.003, 0), "int16"),
    ("ReduceMax(x, axes)", [(0.002, 0)], (0.002, 0), "int16"),
    ("Add(x, z)", [(0.05, 130), (0.02, 100)], (0.08, 120), "uint8"),
    ("Sigmoid(x)", [(0.05, 130)], (1 / 256, 0), "uint8"),
    ("Gelu(x)", [(0.05, 130)], (0.05, 10), "uint8"),
    ("Neg(x)", [(0.05, 130)], (0.06, 120), "uint8"),
    ("Softmax <axis = -1> (x)", [(0.0005, 0)], (1 / 32768, 0), "int16"),
    ("ReduceMean(x, axes)", [(0.002, 0)], (0.001, 0), "int16"),
]
IDS = [f"{r[0].split('(')[0].strip().replace(' ', '')}-{r[3]}-{k}" for k, r in enumerate(ROWS)]


def quantized(row):
    """The op between pairs, x a value and z another (of one rank less, so that it spreads)."""
    text, given, out, dtype = row
    lines, weights = [], {}
    operands = ["x", "z"][: len(given)]
    for name, (scale, zero) in [*zip(operands, given, strict=True), ("o", out)]:
        weights |= {f"s{name}": np.float32(scale), f"n{name}": np.array(zero, dtype)}
    for name in operands:
        lines += [f"q{name} = QuantizeLinear({name}, s{name}, n{name})",
                  f"d{name} = DequantizeLinear(q{name}, s{name}, n{name})"]  # fmt: skip
    called = text.replace("(x", "(dx").replace(", x", ", dx").replace(", z", ", dz")
    if "PRelu" in text:
        weights |= {"wcode": np.arange(-3, 6, 3, dtype=dtype).reshape(3, 1, 1),
                    "sw": np.float32(0.1), "nw": np.array(0, dtype)}  # fmt: skip
        lines.append("w = DequantizeLinear(wcode, sw, nw)")
    weights |= {"minus_half": np.float32(-0.5), "two": np.float32(2), "third": np.float32(1 / 3)}
    weights |= {"lo": np.float32(-1), "hi": np.float32(2.5), "axes": np.array([1, 2])}
    weights["c"] = np.random.default_rng(4).random((2, 3, 1, 5)) > 0.5
    lines += [f"r = {called}", "qr = QuantizeLinear(r, so, no)", "y = DequantizeLinear(qr, so, no)"]
    used = {n: w for n, w in weights.items() if any(n in _words(line) for line in lines)}
    inputs = ", ".join(f"float[{','.join(map(str, shape))}] {n}"
                       for n, shape in zip(operands, (SHAPE, SHAPE[1:]), strict=False))  # fmt: skip
    head = '<ir_version: 10, opset_import: ["" : 22]>'
    body = "\n".join(lines)
    shape = "2,1,1,5" if "axes)" in text else "2,3,4,5"
    program = graph.parse(f"{head} g ({inputs}) => (float[{shape}] y) {{ {body} }}", used)
    graph.infer_shapes(program)
    return graph.program("alone", program.graph)


def _words(line):
    return line.replace("(", " ").replace(")", " ").replace(",", " ").split()


def codes(row, seed=7):
    rng, (low, high) = np.random.default_rng(seed), ENDS[row[3]]
    pairs = zip(("x", "z"), row[1], (SHAPE, SHAPE[1:]), strict=False)
    found = {}
    for name, (scale, zero), shape in pairs:
        drawn = rng.integers(low + (20 if zero == low else 0), high + 1, shape)
        found[name] = ((drawn - zero) * np.float32(scale)).astype(np.float32)
    return found


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_at_most_a_step_from_the_oracle(row, kernels, tmp_path):
    program = quantized(row)
    Litert().lower(program, TARGET, tmp_path)
    data = (tmp_path / "model.tflite").read_bytes()
    runner = Interpreter(model_content=data, num_threads=1,
                         experimental_op_resolver_type=KERNELS[kernels])  # fmt: skip
    runner.allocate_tensors()
    feeds = codes(row)
    for detail in runner.get_signature_runner().get_input_details().items():
        runner.set_tensor(detail[1]["index"], feeds[detail[0]])
    runner.invoke()
    got = runner.get_tensor(runner.get_output_details()[0]["index"])
    want = Oracle(program).run(feeds)["y"]
    steps = np.abs(got - want).max() / row[2][0]
    assert steps < STEPS.get(f"{row[0].split()[0].split('(')[0]}-{row[3]}", 1) + 0.01, (
        f"{steps:.2f} steps apart"
    )
    assert len(np.unique(want)) > 5
    if kernels == "reference":
        signed = row[3].removeprefix("u")  # unsigned codes are brought to signed ones
        assert on_integers(runner, signed), "the op was computed on reals"


def allowed(row):
    return STEPS.get(f"{row[0].split()[0].split('(')[0]}-{row[3]}", 1)


def on_integers(runner, dtype):
    """Whether all but the ends read codes of that type, or truth values and axes beside them."""
    types = {t["index"]: np.dtype(t["dtype"]).name for t in runner.get_tensor_details()}
    inner = [op for op in runner._get_ops_details() if op["op_name"] not in ENTRIES]
    read = [{types[i] for i in op["inputs"] if i >= 0} for op in inner]
    return all(dtype in found and "float32" not in found for found in read)
