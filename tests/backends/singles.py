"""One op of each family between its Q/DQ pairs, the same file for every runtime."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import insert
from mcompile.quantize.constants import append
from mcompile.quantize.weights import scales
from mcompile.types import Program, QParams, QuantPlan, Scheme

Shapes = dict[str, tuple[int, ...]]

_SEED = 5
_LAYERS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_LEVELS = 255


@dataclass(frozen=True)
class Single:
    """Inputs and what computes `y` of them; `weights` are drawn, `others` stay as they are.

    `gains` are what an input is drawn with: by them the inputs have different scales.
    """

    inputs: Shapes
    body: str
    weights: Shapes = field(default_factory=dict)
    others: dict[str, np.ndarray] = field(default_factory=dict)
    gains: dict[str, float] = field(default_factory=dict)


def _of(*shape: int) -> Shapes:
    return {"x": shape}


IMAGE = _of(1, 8, 9, 7)
PAIR = {"x": (1, 8, 9, 7), "u": (1, 8, 9, 7)}
ROWS = _of(1, 6, 16)
CONV = {"w": (8, 8, 3, 3), "b": (8,)}
TWICE = {"twice": np.array([1, 1, 2, 2], np.float32)}
SAME = "pads = [1,1,1,1]"

SINGLES: dict[str, Single] = {
    "conv": Single(IMAGE, f"y = Conv <{SAME}> (x, w, b)", CONV),
    "conv_1x1": Single(IMAGE, "y = Conv (x, w)", {"w": (5, 8, 1, 1)}),
    "conv_1d": Single(_of(1, 6, 20), "y = Conv <pads = [2,0]> (x, w)", {"w": (4, 6, 3)}),
    "depthwise_multiplied": Single(IMAGE, "y = Conv <group = 8> (x, w)", {"w": (16, 1, 3, 3)}),
    "depthwise": Single(
        IMAGE, f"y = Conv <group = 8, {SAME}> (x, w, b)", {"w": (8, 1, 3, 3), "b": (8,)}
    ),
    "grouped": Single(IMAGE, f"y = Conv <group = 2, {SAME}> (x, w)", {"w": (8, 4, 3, 3)}),
    "dilated": Single(IMAGE, "y = Conv <dilations = [2,2]> (x, w, b)", CONV),
    "asymmetric_padding": Single(
        IMAGE, "y = Conv <pads = [0,1,2,3], strides = [2,1]> (x, w, b)", CONV
    ),
    "transposed": Single(IMAGE, "y = ConvTranspose <strides = [2,2]> (x, w)", {"w": (8, 6, 2, 2)}),
    "transposed_with_bias": Single(
        IMAGE,
        "y = ConvTranspose <strides = [2,2], pads = [1,1,1,1], output_padding = [1,1]> (x, w, b)",
        {"w": (8, 16, 3, 3), "b": (16,)},
    ),
    "transposed_depthwise": Single(
        IMAGE, "y = ConvTranspose <group = 8, strides = [2,2]> (x, w)", {"w": (8, 1, 2, 2)}
    ),
    "conv_silu": Single(IMAGE, f"a = Conv <{SAME}> (x, w, b)\nt = Sigmoid(a)\ny = Mul(a, t)", CONV),
    "conv_relu": Single(IMAGE, f"a = Conv <{SAME}> (x, w, b)\ny = Relu(a)", CONV),
    "conv_relu6": Single(
        IMAGE,
        f"a = Conv <{SAME}> (x, w, b)\ny = Clip(a, zero, six)",
        CONV,
        {"zero": np.float32(0), "six": np.float32(0.6)},
    ),
    "conv_add": Single(PAIR, f"a = Conv <{SAME}> (x, w, b)\ny = Add(a, u)", CONV, gains={"u": 0.3}),
    "conv_add_relu": Single(
        PAIR, f"a = Conv <{SAME}> (x, w, b)\ns = Add(a, u)\ny = Relu(s)", CONV, gains={"u": 2}
    ),
    "gemm": Single(_of(3, 16), "y = Gemm <transB = 1> (x, w, b)", {"w": (10, 16), "b": (10,)}),
    "matmul": Single(ROWS, "y = MatMul(x, w)", {"w": (16, 12)}),
    "matmul_bias": Single(ROWS, "a = MatMul(x, w)\ny = Add(a, b)", {"w": (16, 12), "b": (12,)}),
    "batched_matmul": Single({"x": (2, 3, 4, 8), "u": (2, 3, 8, 4)}, "y = MatMul(x, u)"),
    "add": Single(PAIR, "y = Add(x, u)", gains={"u": 3}),
    "add_relu": Single(PAIR, "a = Add(x, u)\ny = Relu(a)", gains={"u": 3}),
    "mul": Single(PAIR, "y = Mul(x, u)", gains={"u": 3}),
    "sub": Single(PAIR, "y = Sub(x, u)", gains={"u": 3}),
    "mul_by_channel": Single({"x": (1, 8, 9, 7), "u": (1, 8, 1, 1)}, "y = Mul(x, u)"),
    "add_a_constant": Single(IMAGE, "y = Add(x, k)", {"k": (1, 8, 1, 1)}),
    "leaky_relu": Single(IMAGE, "y = LeakyRelu <alpha = 0.1> (x)"),
    "prelu": Single(
        IMAGE,
        "y = PRelu(x, k)",
        {},
        {"k": np.linspace(-0.5, 0.9, 8, dtype=np.float32).reshape(8, 1, 1)},
    ),
    "concat_of_scales": Single(PAIR, "y = Concat <axis = 1> (x, u)", gains={"u": 4}),
    "average_pool": Single(
        IMAGE, f"y = AveragePool <kernel_shape = [3,3], {SAME}, strides = [2,2]> (x)"
    ),
    "average_pool_with_pads": Single(
        IMAGE, f"y = AveragePool <kernel_shape = [3,3], {SAME}, count_include_pad = 1> (x)"
    ),
    "max_pool": Single(IMAGE, "y = MaxPool <kernel_shape = [2,2], strides = [2,2]> (x)"),
    "max_pool_with_pads": Single(
        IMAGE, f"y = MaxPool <kernel_shape = [3,3], {SAME}, strides = [2,2], ceil_mode = 1> (x)"
    ),
    "global_pool": Single(IMAGE, "y = GlobalAveragePool (x)"),
    "resize_nearest": Single(
        IMAGE,
        """y = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric",
        nearest_mode = "floor"> (x, , twice)""",
        {},
        TWICE,
    ),
    "resize_linear": Single(IMAGE, 'y = Resize <mode = "linear"> (x, , twice)', {}, TWICE),
    "softmax": Single(ROWS, "y = Softmax <axis = -1> (x)"),
    "softmax_inner": Single(ROWS, "y = Softmax <axis = 1> (x)"),
    "sigmoid": Single(IMAGE, "y = Sigmoid (x)", gains={"x": 3}),
    "tanh": Single(IMAGE, "y = Tanh (x)", gains={"x": 2}),
    "hardswish": Single(IMAGE, "y = HardSwish (x)", gains={"x": 3}),
    "gelu": Single(ROWS, "y = Gelu (x)", gains={"x": 2}),
    "layernorm": Single(
        ROWS,
        "y = LayerNormalization <axis = -1> (x, g, o)",
        {},
        {"g": np.linspace(0.5, 2, 16, dtype=np.float32), "o": np.ones(16, np.float32)},
    ),
    "reduce_mean": Single(ROWS, "y = ReduceMean (x, along)", {}, {"along": np.array([1])}),
    "reduce_mean_of_planes": Single(
        IMAGE, "y = ReduceMean (x, along)", {}, {"along": np.array([2, 3])}
    ),
    "pad": Single(IMAGE, "y = Pad (x, pads)", {}, {"pads": np.array([0, 0, 1, 0, 0, 0, 2, 1])}),
    "slice": Single(
        IMAGE,
        "y = Slice (x, starts, ends, along)",
        {},
        {"starts": np.array([1]), "ends": np.array([8]), "along": np.array([2])},
    ),
    "gather": Single(IMAGE, "y = Gather <axis = 1> (x, at)", {}, {"at": np.array([5, 0, 3])}),
    "transpose": Single(IMAGE, "y = Transpose <perm = [0,2,3,1]> (x)"),
    "reshape": Single(IMAGE, "y = Reshape (x, to)", {}, {"to": np.array([1, 8, 63])}),
}

_MOVES = {"MaxPool", "Concat", "Pad", "Slice", "Gather", "Transpose", "Reshape"}
_SCALED = _MOVES - {"Concat"}


@dataclass(frozen=True)
class Case:
    """A program on integers, the scale and zero point of its output, and inputs on its grid."""

    program: Program
    output: QParams
    feeds: list[dict[str, np.ndarray]]

    def codes(self, real: np.ndarray) -> np.ndarray:
        """The integers that the output's numbers stand for; they must lie on its grid."""
        found = real.astype(np.float64) / float(self.output.scale) + int(self.output.zero_point)
        assert np.abs(found - np.rint(found)).max() < 1e-2
        return np.rint(found)


def case(name: str, scheme: Scheme, count: int = 8) -> Case:
    """The op of that name under one plan, on so many inputs that fill their codes."""
    single, rng = SINGLES[name], np.random.default_rng(_SEED)
    plain = _program(name, single, rng)
    ends = {n: rng.uniform(0.8, 1.2, 2) * single.gains.get(n, 1) for n in single.inputs}
    tensors = {n: _over(-low, high) for n, (low, high) in ends.items()}
    feeds = [
        {n: _drawn(rng, tensors[n], shape) for n, shape in single.inputs.items()}
        for _ in range(count)
    ]
    nodes = list(plain.graph.graph)
    made = [name_ for n in nodes if (name_ := graph.name_of(n.outputs[0]))]
    oracle = Oracle(plain, made)
    seen = [oracle.run(f) for f in feeds]
    for value in made:
        held = np.concatenate([s[value].reshape(-1) for s in seen])
        tensors[value] = _over(float(held.min()), float(held.max()))
    if nodes[0].op_type in _SCALED:
        tensors["y"] = tensors["x"]
    for node in nodes:
        if node.op_type in _LAYERS and "w" in single.weights:
            tensors["w"] = scales(node, graph.array(node.inputs[1]), scheme)
    fitted = _scheme(nodes, scheme)
    held = insert(plain, QuantPlan(_between(nodes, tensors), {}), fitted)
    return Case(_rounded(held, tensors["y"]), tensors["y"], feeds)


def _between(nodes, tensors: dict[str, QParams]) -> dict[str, QParams]:
    """Without a scale where one kernel computes two ops: before a Relu, and a MatMul's bias."""
    fused = {"Relu", "Clip"}
    inner = {graph.name_of(n.inputs[0]) for n in nodes if n.op_type in fused}
    if nodes[0].op_type == "MatMul" and len(nodes) > 1:
        inner.add(graph.name_of(nodes[0].outputs[0]))
    return {n: p for n, p in tensors.items() if n not in inner}


def _rounded(program: Program, params: QParams) -> Program:
    """The program with a pair at its output, where the op before it hands on float."""
    inner = program.graph.graph
    (real,) = inner.outputs
    if real.producer().op_type != "DequantizeLinear":
        kept = [graph.constant(inner, "y.scale", params.scale),
                graph.constant(inner, "y.zero_point", params.zero_point)]  # fmt: skip
        coded = append(inner, "QuantizeLinear", [real, *kept], "y.integer")
        coded.type, coded.shape = kept[1].type, real.shape
        out = append(inner, "DequantizeLinear", [coded, *kept], "y.real")
        out.type, out.shape = real.type, real.shape
        inner.outputs[0] = out
        real.name, out.name = out.name, real.name
    return program


def _scheme(nodes, scheme: Scheme) -> Scheme:
    """The scheme as if every op of the program ran on integers, so that each has its pairs."""
    ops = {n.op_type for n in nodes}
    return replace(
        scheme,
        weighted=frozenset(_LAYERS),
        closed=frozenset(_LAYERS | ops),
        paired=frozenset({"MatMul"}),
        carried=frozenset(ops - _LAYERS - scheme.absorbed),
    )


def _program(name: str, single: Single, rng: np.random.Generator) -> Program:
    drawn = {
        n: (rng.standard_normal(s) / np.sqrt(max(1, np.prod(s[1:])))).astype(np.float32)
        for n, s in single.weights.items()
    }
    given = ", ".join(f"float[{','.join(map(str, s))}] {n}" for n, s in single.inputs.items())
    text = f'<ir_version: 9, opset_import: ["": 20]>\n{name} ({given}) => (float y) {{'
    program = graph.parse(f"{text}\n{single.body}\n}}", drawn | single.others, name)
    program.graph.graph.outputs[0].shape = None  # `float y` reads as a scalar
    graph.infer_shapes(program)
    return graph.program(name, program.graph)


def _over(low: float, high: float) -> QParams:
    """Codes for everything from `low` to `high`, and zero, which is exact."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32(max(high - low, 1e-6) / _LEVELS)
    zero = np.uint8(np.clip(round(-low / float(scale)), 0, _LEVELS))
    return QParams(np.asarray(scale), np.asarray(zero), "uint8")


def _drawn(rng: np.random.Generator, params: QParams, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers that the codes stand for, each as likely as any other."""
    codes = rng.integers(0, _LEVELS + 1, shape)
    return ((codes - int(params.zero_point)).astype(np.float32) * params.scale).astype(np.float32)
