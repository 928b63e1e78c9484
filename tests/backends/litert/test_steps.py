"""Operators of one node: types that have a kernel, orders of memory, what is written for it."""

from __future__ import annotations

from math import erf
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from mcompile import graph
from mcompile.backends.litert import Litert
from mcompile.errors import LoweringError
from mcompile.oracle import Oracle
from mcompile.profile import Device, Target
from mcompile.types import Precision

TARGET = Target("desk", "d", "litert", Precision.FP32, Device(arch="x86_64"))
PLAIN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
RNG = np.random.default_rng(12)
WEIGHTS = {
    "w": RNG.standard_normal((4, 3, 1, 1)).astype(np.float32),
    "each": RNG.standard_normal((4, 1, 1)).astype(np.float32),
    "slopes": np.array([0.1, -0.2, 0.3, 0.4], np.float32).reshape(4, 1, 1),
    "g": RNG.standard_normal(4).astype(np.float32),
    "b": RNG.standard_normal(4).astype(np.float32),
    "axes": np.array([2, 3]),
    "lo": np.float32(-1), "hi": np.float32(2.5), "six": np.float32(6), "zero": np.float32(0),
}  # fmt: skip
X = "float[2,3,4,5] x"


def parsed(inputs, text, version=20, output="float"):
    called = text.replace("(", " ").replace(")", " ").replace(",", " ").split()
    used = {n: w for n, w in WEIGHTS.items() if n in called}
    head = f'<ir_version: 10, opset_import: ["" : {version}]>'
    program = graph.parse(f"{head} g ({inputs}) => ({output} y) {{ {text} }}", used)
    output_of = program.graph.graph.outputs[0]
    output_of.shape = None
    graph.infer_shapes(program)
    return graph.program("text", program.graph)


def written(program, folder):
    """The runner and the names of the operators of the file, XNNPACK's own steps not among them."""
    artifact = Litert().lower(program, TARGET, folder)
    path = str(folder / "model.tflite")
    plain = Interpreter(model_path=path, experimental_op_resolver_type=PLAIN)
    return artifact, [op["op_name"] for op in plain._get_ops_details()]


def agree(program, folder, feeds, far=1e-5):
    artifact, kinds = written(program, folder)
    with Litert().open(artifact, Path(folder), 1) as runner:
        got = runner.run(feeds)
    want = Oracle(program).run(feeds)
    for name, data in want.items():
        assert got[name].dtype == data.dtype
        np.testing.assert_allclose(got[name], data, rtol=1e-4, atol=far)
    return kinds


def image(*shape):
    return {"x": np.random.default_rng(3).standard_normal(shape or (2, 3, 4, 5)).astype(np.float32)}


CHANNELS_LAST = {
    "a parameter of each channel": "y0 = Add(c, each)",
    "a mean over the picture": "y0 = ReduceMean(c, axes)",
    "a softmax over channels": "y0 = Softmax <axis = 1> (c)",
    "a log softmax over channels": "y0 = LogSoftmax <axis = 1> (c)",
    "slopes of each channel": "y0 = PRelu(c, slopes)",
    "an instance norm": "y0 = InstanceNormalization(c, g, b)",
    "a mask": "t = Greater(c, each)\n y0 = Where(t, c, each)",
    "a running sum": "one = Constant <value_int = 1> ()\n y0 = CumSum(c, one)",
}


@pytest.mark.parametrize("name", CHANNELS_LAST)
def test_nothing_is_turned_that_lies_channels_last(name, tmp_path):
    text = f"c = Conv(x, w)\n {CHANNELS_LAST[name]}\n y = Conv(y0, back)"
    WEIGHTS["back"] = np.ones((2, 4, 1, 1), np.float32)
    kinds = agree(parsed(X, text), tmp_path, image(), 1e-4)
    assert kinds.count("TRANSPOSE") <= 2, kinds  # of the ports, which have channels first
    assert "RESHAPE" not in kinds[:-1]


@pytest.mark.parametrize(
    ("text", "kind"),
    [("Clip(x, zero, six)", "RELU6"), ("Clip(x, zero)", "RELU"), ("Clip(x, lo)", "MAXIMUM"),
     ("Pow(x, two)", "SQUARE"), ("Gelu(x)", "GELU"), ("HardSwish(x)", "HARD_SWISH"),
     ("Elu(x)", "ELU"), ("LpNormalization(x)", "L2_NORMALIZATION")],
)  # fmt: skip
def test_one_operator_for_it(text, kind, tmp_path):
    WEIGHTS["two"] = np.float32(2)
    assert agree(parsed(X, f"y = {text}"), tmp_path, image()) == [kind]


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum", "ReduceMax"])
def test_axes_beyond_what_the_runtime_reduces_are_merged(op, keep, tmp_path):
    WEIGHTS["some"] = np.array([0, 1, 4, 5])
    shape = (2, 1, 3, 2, 2, 1, 2, 3)
    text = f"y = {op} <keepdims = {keep}> (x, some)"
    program = parsed(f"float[{','.join(map(str, shape))}] x", text)
    agree(program, tmp_path, image(*shape))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64", "uint32"])
@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Max", "Min", "Mod", "Greater", "Equal"])
def test_whole_numbers_of_any_width(op, dtype, tmp_path):
    made = "bool" if op in ("Greater", "Equal") else dtype
    names = {"x": "int64[2,3]", "z": "int64[3]"}
    inputs = ", ".join(f"{t} {n}" for n, t in names.items())
    code = {"uint8": 2, "int8": 3, "int16": 5, "int32": 6, "int64": 7, "uint32": 12}[dtype]
    back = 9 if made == "bool" else 7
    text = f"""a = Cast <to = {code}> (x)
      c = Cast <to = {code}> (z)
      r = {op}(a, c)
      y = Cast <to = {back}> (r)"""
    low = 1 if dtype.startswith("u") else -9
    feeds = {
        "x": np.array([[10, 200, 7], [3, 9, 90]]),
        "z": np.array([3, 100, 7 if low > 0 else low]),
    }
    program = parsed(inputs, text, output="bool" if made == "bool" else "int64")
    want = _wrapped(op, feeds, dtype)
    artifact, _ = written(program, tmp_path)
    with Litert().open(artifact, tmp_path, 1) as runner:
        np.testing.assert_array_equal(runner.run(feeds)["y"], want)


def _wrapped(op, feeds, dtype):
    """What numpy computes in that type, which wraps as whole numbers do."""
    named = {
        "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Max": np.maximum,
        "Min": np.minimum, "Mod": np.mod, "Greater": np.greater, "Equal": np.equal,
    }  # fmt: skip
    one, other = (feeds[n].astype(dtype) for n in ("x", "z"))
    made = named[op](one, other)
    return made if made.dtype == bool else made.astype(np.int64)


def test_a_type_without_a_kernel_is_refused_by_name(tmp_path):
    program = parsed("double[3] x, double[3] z", "y = Add(x, z)", output="double")
    with pytest.raises(LoweringError, match="ADD does not compute on float64") as caught:
        Litert().lower(program, TARGET, tmp_path)
    assert "float32" in str(caught.value.fix)


def test_erf_is_within_a_millionth(tmp_path):
    x = np.linspace(-5, 5, 4001, dtype=np.float32)
    program = parsed("float[4001] x", "y = Erf(x)")
    artifact, _ = written(program, tmp_path)
    with Litert().open(artifact, tmp_path, 1) as runner:
        got = runner.run({"x": x})["y"]
    want = np.array([erf(float(v)) for v in x])
    assert np.abs(got - want).max() < 1e-6


def test_a_norm_takes_its_statistics_exactly(tmp_path):
    WEIGHTS["gain"] = np.ones(16, np.float32)
    program = parsed("float[2,6,16] x", "y = LayerNormalization <axis = -1> (x, gain)")
    x = {"x": (image(2, 6, 16)["x"] * 1e-2 + 3).astype(np.float32)}
    kinds = agree(program, tmp_path, x, 1e-3)
    assert kinds == ["MEAN", "SUB", "SQUARE", "MEAN", "ADD", "RSQRT", "MUL", "MUL"]
