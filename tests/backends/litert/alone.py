"""One op alone between its Q/DQ pairs, as ONNX Runtime and as each of LiteRT's kernels compute it.

x -> Q -> DQ -> op -> Q -> DQ -> y        weights and biases behind a DQ of their own
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from onnx import TensorProto, helper, numpy_helper

from mcompile import graph
from mcompile.backends.litert import Litert
from mcompile.profile import Device, Target
from mcompile.types import Precision, Program

KERNELS = {
    "xnnpack": OpResolverType.BUILTIN,
    "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "reference": OpResolverType.BUILTIN_REF,
}
LITERT, DESK = Litert(), Target("desk", "d", "litert", Precision.INT8, Device(arch="x86_64"))
MOVES = {"AveragePool", "DepthToSpace", "GlobalMaxPool", "MaxPool", "Pad", "Resize", "SpaceToDepth"}


@dataclass
class Alone:
    """An op, the shape that it reads, its weights O by the axis `channel`, and other inputs."""

    op: str
    shape: tuple[int, ...]
    attributes: dict = field(default_factory=dict)
    weights: tuple[int, ...] | None = None
    channel: int = 0
    bias: int = 0
    others: tuple = ()
    dtype: str = "int8"
    below: bool = True
    opset: int = 21


@dataclass
class Built:
    """The program, its input on the grid, and the scale and zero point of its output."""

    program: Program
    feeds: dict[str, np.ndarray]
    scale: np.float32
    zero: int

    def codes(self, real):
        found = real.astype(np.float64) / float(self.scale) + self.zero
        assert np.abs(found - np.rint(found)).max(initial=0) < 1e-2
        return np.rint(found).astype(np.int64)


def built(one: Alone, seed: int) -> Built:
    """The op with scales that fit what it makes of inputs from all over their range."""
    rng = np.random.default_rng(seed)
    ends = np.iinfo(one.dtype)
    wide = one.dtype == "int16"
    zero = 0 if wide else int(rng.integers(-100, 100)) if one.below else -128
    scale = np.float32(rng.uniform(0.01, 0.05) / (256 if wide else 1))
    codes = rng.integers(ends.min, ends.max + 1, one.shape)
    x = ((codes - zero).astype(np.float32) * scale).astype(np.float32)
    stored, nodes, reads = _layer(one, rng, scale)
    real = _run(_model(one, stored, nodes, reads, x.shape, None), {"x": x})["y"]
    made = (scale, zero) if one.op in MOVES else _fitting(real, one.dtype)
    model = _model(one, stored, nodes, reads, x.shape, ((scale, zero), made))
    program = graph.program(one.op, ir.from_proto(model))
    graph.infer_shapes(program)
    return Built(graph.program(one.op, program.graph), {"x": x}, *made)


def oracle(case: Built):
    """The codes that ONNX Runtime makes, its optimizations off."""
    return case.codes(_run(ir.to_proto(case.program.graph), case.feeds)["y"])


def file_of(case: Built) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        artifact = LITERT.lower(case.program, DESK, Path(folder))
        return (Path(folder) / artifact.files[0].path).read_bytes()


def run(data: bytes, case: Built, kernels: str):
    """The codes that the kernels of LiteRT make, and the operators that ran."""
    runner = Interpreter(
        model_content=data, experimental_op_resolver_type=KERNELS[kernels], num_threads=1
    )
    runner.allocate_tensors()
    runner.set_tensor(runner.get_input_details()[0]["index"], case.feeds["x"])
    runner.invoke()
    return case.codes(runner.get_tensor(runner.get_output_details()[0]["index"]))


def operators(data: bytes, kernels: str = "reference") -> list[str]:
    """The operators in the order they run, what a delegate took as one DELEGATE."""
    runner = Interpreter(
        model_content=data, experimental_op_resolver_type=KERNELS[kernels], num_threads=1
    )
    runner.allocate_tensors()
    return [d["op_name"] for d in runner._get_ops_details()]


def _fitting(real, dtype):
    ends, wide = np.iinfo(dtype), dtype == "int16"
    low, high = min(float(real.min()), 0.0), max(float(real.max()), 1e-3)
    if wide:
        return np.float32(max(-low, high) / ends.max), 0
    scale = np.float32((high - low) / 255)
    return scale, int(np.clip(round(-low / float(scale)) - 128, -128, 127))


def _layer(one: Alone, rng, scale):
    stored, nodes, reads = [], [], []
    if one.weights is not None:
        count = one.weights[one.channel]
        steps = rng.uniform(0.002, 0.02, count).astype(np.float32)
        codes = rng.integers(-127, 128, one.weights).astype(np.int8)
        nodes.append(_dequantized("w", codes, steps, one.channel, stored))
        reads.append("w")
        if one.bias:
            steps = np.tile(steps, one.bias // count) * scale
            codes = rng.integers(-3000, 3000, one.bias).astype(np.int32)
            nodes.append(_dequantized("b", codes, steps.astype(np.float32), 0, stored))
            reads.append("b")
    for index, other in enumerate(one.others):
        reads.append("" if other is None else f"o{index}")
        if other is not None:
            stored.append(numpy_helper.from_array(np.asarray(other), f"o{index}"))
    return stored, nodes, reads


def _dequantized(name, codes, steps, axis, stored):
    zeros = np.zeros(steps.shape, codes.dtype)
    for end, data in (("c", codes), ("s", steps), ("z", zeros)):
        stored.append(numpy_helper.from_array(data, name + end))
    given = [name + end for end in "csz"]
    return helper.make_node("DequantizeLinear", given, [name], axis=axis)


def _model(one: Alone, stored, nodes, reads, shape, scales):
    stored, nodes, data, result = list(stored), list(nodes), "x", "y"
    if scales is not None:
        data, result = "xr", "yr"
        for name, (scale, zero) in zip("xy", scales, strict=True):
            stored.append(numpy_helper.from_array(np.asarray(scale), f"{name}s"))
            stored.append(numpy_helper.from_array(np.asarray(zero, one.dtype), f"{name}z"))
        nodes += _pair("x", "x", "xr")
    nodes.append(helper.make_node(one.op, [data, *reads], [result], "it", **one.attributes))
    if scales is not None:
        nodes += _pair("y", "yr", "y")
    body = helper.make_graph(
        nodes, one.op, [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], stored,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", one.opset)]
    return helper.make_model(body, opset_imports=opsets, ir_version=10)


def _pair(name, source, made):
    scale = [f"{name}s", f"{name}z"]
    return [
        helper.make_node("QuantizeLinear", [source, *scale], [f"{name}q"]),
        helper.make_node("DequantizeLinear", [f"{name}q", *scale], [made]),
    ]


def _run(model, feeds):
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds), strict=True))
