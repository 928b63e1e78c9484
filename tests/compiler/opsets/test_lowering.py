"""Newer nodes in older operator sets: each computes what it did, or is refused with a reason."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.errors import LoweringError
from mcompile.opsets.versions import converted
from mcompile.oracle import Oracle
from mcompile.types import Program

RNG = np.random.default_rng(3)


def new(opset: int, body: str, shape: str = "1,4,3,6", **weights: object) -> Program:
    head = f'<ir_version: 9, opset_import: ["": {opset}]>'
    arrays = {n: np.asarray(w) for n, w in weights.items()}
    return graph.parse(f"{head} n (float[{shape}] x) => (float y) {{ {body} }}", arrays)


def computed(program: Program, shape: tuple[int, ...] = ()) -> np.ndarray:
    sizes = shape or program.inputs[0].shape
    data = np.random.default_rng(0).standard_normal(sizes).astype(np.float32)
    return Oracle(program).run({"x": data})["y"]


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


BOXES = {"b": np.array([[0, 0, 2, 2]], np.float32), "i": ints(0)}
GRID = RNG.uniform(-1, 1, (1, 2, 2, 2)).astype(np.float32)
ROI, HALF = np.zeros(0, np.float32), np.float32(0.05)
NORM = {n: np.arange(1, 5).astype(np.float32) for n in "sbmv"}

CASES = {
    "reduce mean": (13, new(18, "y = ReduceMean <keepdims = 0> (x, a)", a=ints(1, -1))),
    "reduce max of all": (17, new(20, "y = ReduceMax (x)")),
    "reduce l2 of axes": (13, new(18, "y = ReduceL2 (x, a)", a=ints(2))),
    "reduce l1 of nothing": (13, new(18, "y = ReduceL1 <noop_with_empty_axes = 1> (x)")),
    "reduce l2 of axes that are computed": (
        13, new(18, "s = Shape <start = 1, end = 2> (x) \n a = Sub (s, t) \n y = ReduceL2 (x, a)",
                    t=ints(2)),
    ),
    "split evenly": (13, new(18, "y, z = Split <axis = 1, num_outputs = 2> (x)")),
    "split with a rest": (13, new(18, "z, y, w = Split <axis = -1, num_outputs = 3> (x)", "1,7")),
    "pad of axes": (
        13, new(18, "y = Pad (x, p, c, a)", p=ints(1, 0, 2, 3), c=np.float32(2), a=ints(-1, 1)),
    ),
    "pad": (13, new(25, "y = Pad (x, p)", p=ints(0, 0, 1, 1, 0, 0, 1, 1))),
    "resize": (
        13, new(19, 'y = Resize <mode = "linear", antialias = 0> (x, , s)',
                    s=np.array([1, 1, 2, 1.5], np.float32)),
    ),
    "resize scales of axes": (
        13, new(18, 'y = Resize <mode = "linear", axes = [3, 2]> (x, , s)',
                    s=np.array([2, 3], np.float32)),
    ),
    "resize sizes of axes": (
        13, new(18, 'y = Resize <mode = "nearest", axes = [2, 3]> (x, , , s)', s=ints(5, 7)),
    ),
    "cast": (13, new(24, 'a = Cast <to = 10, saturate = 1, round_mode = "up"> (x)'
                             ' \n y = Cast <to = 1> (a)')),
    "cast like": (13, new(21, "y = CastLike (x, h)", h=HALF)),
    "norm": (13, new(15, "y = BatchNormalization <training_mode = 0> (x, s, b, m, v)", **NORM)),
    "reshape": (13, new(14, "y = Reshape <allowzero = 1> (x, s)", s=ints(4, -1))),
    "shape": (13, new(15, "s = Shape <start = 1, end = -1> (x) \n y = Cast <to = 1> (s)")),
    "shape from the end": (13, new(15, "s = Shape <start = -2> (x) \n y = Cast <to = 1> (s)")),
    "roi align": (
        13, new(16, 'y = RoiAlign <coordinate_transformation_mode = "output_half_pixel",'
                        " output_height = 2, output_width = 2> (x, b, i)", **BOXES),
    ),
    "grid sample": (16, new(20, "y = GridSample (x, g)", g=GRID)),
    "grid sample cubic": (19, new(20, 'y = GridSample <mode = "cubic"> (x, g)', g=GRID)),
    "dft": (17, new(20, "y = DFT (x)", "1,5,6,1")),
    "dft of an axis": (19, new(20, "y = DFT (x, , a)", "1,5,6,1", a=np.int64(1))),
    "quantize to a type": (
        13, new(21, "q = QuantizeLinear <output_dtype = 3> (x, s) \n"
                        " y = DequantizeLinear (q, s)", s=HALF),
    ),
    "quantize": (
        19, new(23, "q = QuantizeLinear <precision = 1> (x, s) \n"
                        " y = DequantizeLinear <output_dtype = 1> (q, s)", s=HALF),
    ),
    "average pool": (
        13, new(22, "y = AveragePool <kernel_shape = [2, 2], ceil_mode = 1,"
                        " dilations = [1, 1]> (x)"),
    ),
    "lp pool": (13, new(18, "y = LpPool <kernel_shape = [2, 2], dilations = [1, 1]> (x)")),
    "gelu": (13, new(20, "y = Gelu (x)")),
    "gelu by tanh": (13, new(20, 'y = Gelu <approximate = "tanh"> (x)')),
    "swish": (13, new(24, "y = Swish <alpha = 1.5> (x)")),
    "mish": (13, new(18, "y = Mish (x)")),
    "hard swish": (13, new(14, "y = HardSwish (x)")),
    "celu": (13, new(13, "y = Celu <alpha = 2.0> (x)")),
    "center crop pad": (13, new(18, "y = CenterCropPad <axes = [2, 3]> (x, s)", s=ints(5, 3))),
    "window": (13, new(17, "w = HannWindow (n) \n y = Mul(x, w)", n=np.int64(6))),
    "loss": (
        13, new(22, "y = NegativeLogLikelihoodLoss (x, t)", "3,4", t=ints(0, 2, 1)),
    ),
    "attention": (13, new(23, "y = Attention <is_causal = 1> (x, x, x)", "1,2,5,4")),
    "rotary embedding": (
        13, new(23, "y = RotaryEmbedding (x, c, s)", "1,2,3,4",
                    c=RNG.random((1, 3, 2), np.float32), s=RNG.random((1, 3, 2), np.float32)),
    ),
    "in a branch": (
        13, new(18, "y = If (t) <then_branch = f () => (p) { p = ReduceMean (x, a) },"
                        " else_branch = g () => (q) { q = LayerNormalization (x, h) }>",
                    t=np.array(False), a=ints(1), h=RNG.random(6, np.float32)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_lowered_program_computes_what_it_did(case) -> None:
    version, program = case
    lower = converted(program, version)
    assert graph.opset(lower) == version
    np.testing.assert_allclose(computed(lower), computed(program), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_up_and_down_again_is_the_same(case) -> None:
    version, program = case
    back = converted(converted(program, 25), version)
    np.testing.assert_allclose(computed(back), computed(program), rtol=1e-4, atol=1e-5)


WRAP = 'y = Pad <mode = "wrap"> (x, p)'
REFUSED = {
    "axes that are computed": (
        18, 13, "s = Shape <start = 1, end = 2> (x) \n y = ReduceMean (x, s)",
        "when the model runs", {},
    ),
    "no axes": (18, 13, "y = ReduceMax <noop_with_empty_axes = 1> (x)", "over nothing", {}),
    "wrap": (19, 13, WRAP, "at the other end", {"p": ints(0, 0, 0, 1, 0, 0, 0, 1)}),
    "pad of computed axes": (
        18, 13, "s = Shape <start = 1, end = 2> (x) \n a = Sub (s, s) \n y = Pad (x, p, , a)",
        "only known when", {"p": ints(1, 1)},
    ),
    "symmetric": (
        19, 18, 'y = Resize <coordinate_transformation_mode = "half_pixel_symmetric"> (x, , s)',
        "half_pixel_symmetric", {"s": np.ones(4, np.float32)},
    ),
    "antialias": (
        18, 13, 'y = Resize <mode = "linear", antialias = 1> (x, , s)', "antialias",
        {"s": np.ones(4, np.float32)},
    ),
    "ratio": (
        18, 13, 'y = Resize <keep_aspect_ratio_policy = "not_larger"> (x, , , s)', "ratio",
        {"s": ints(1, 4, 5, 5)},
    ),
    "resize of a region of axes": (
        18, 13, "y = Resize <axes = [3], coordinate_transformation_mode ="
        ' "tf_crop_and_resize"> (x, r, s)', "some axes alone",
        {"r": np.array([0, 1], np.float32), "s": np.array([2], np.float32)},
    ),
    "float 8": (
        19, 18, "a = Cast <to = 17> (x) \n y = Cast <to = 1> (a)", "8 bits", {},
    ),
    "training": (
        14, 13, "y, m1, v1 = BatchNormalization <training_mode = 1> (x, s, b, m, v)",
        "training", NORM,
    ),
    "zero": (14, 13, "y = Reshape <allowzero = 1> (x, s)", "allowzero", {"s": ints(0, 4)}),
    "half a pixel": (16, 13, "y = RoiAlign (x, b, i)", "half a pixel", BOXES),
    "volume": (
        20, 16, "u = Unsqueeze (x, a) \n y = GridSample (u, g)", "four dimensions",
        {"a": ints(0), "g": np.zeros((1, 1, 1, 1, 3), np.float32)},
    ),
    "dft of a computed axis": (
        20, 17, "s = Size (x) \n a = Sub (s, s) \n y = DFT (x, , a)", "when the model runs", {},
    ),
    "int 4": (
        21, 13, "q = QuantizeLinear <output_dtype = 22> (x, s) \n y = DequantizeLinear (q, s)",
        "makes int4", {"s": HALF},
    ),
    "scale of unknown shape": (
        21, 13, "s = ConstantOfShape (k) \n t = Exp (s) \n"
        " q = QuantizeLinear <output_dtype = 3, axis = 1> (x, t) \n y = Cast <to = 1> (q)",
        "shape of its scale", {},
    ),
    "blocks": (
        21, 19, "q = QuantizeLinear <block_size = 2> (x, s) \n y = DequantizeLinear (q, z)",
        "block_size", {"s": np.full((1, 2, 3, 6), 0.1, np.float32), "z": HALF},
    ),
    "another type": (
        23, 21, "q = QuantizeLinear (x, s) \n h = DequantizeLinear <output_dtype = 10> (q, s) \n"
        " y = Cast <to = 1> (h)", "output_dtype", {"s": HALF},
    ),
    "dilated": (
        19, 18, "y = AveragePool <kernel_shape = [2, 2], dilations = [2, 2]> (x)", "dilated", {},
    ),
    "unknown op": (17, 13, "y = STFT (x, k)", "does not have it", {"k": np.int64(1)}),
    "reduction": (
        16, 13, 'y = ScatterND <reduction = "add"> (x, i, u)', "reduction",
        {"i": ints(0)[None], "u": np.ones((1, 4, 3, 6), np.float32)},
    ),
    "type": (
        14, 13, "a = Cast <to = 3> (x) \n b = Add (a, a) \n y = Cast <to = 1> (b)", "int8", {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_older_sets_cannot_hold_is_refused(case) -> None:
    opset, version, body, reason, weights = case
    program = new(opset, body, **weights)
    if "ConstantOfShape (k)" in body:
        program = _with_shape_input(opset, body)
    with pytest.raises(LoweringError, match=reason) as caught:
        converted(program, version)
    assert caught.value.where.startswith("the node")
    assert str(version) in caught.value.fix


def _with_shape_input(opset: int, body: str) -> Program:
    head = f'<ir_version: 9, opset_import: ["": {opset}]>'
    return graph.parse(f"{head} n (float[1,4,3,6] x, int64[r] k) => (float y) {{ {body} }}")
