"""Older nodes in newer operator sets: each computes what it did."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.errors import LoweringError
from mcompile.opsets.versions import converted
from mcompile.oracle import Oracle
from mcompile.types import Program

SIZES = np.array([1, 1, 2, 2], np.float32)
TRUE = np.array(True)


def old(opset: int, body: str, shape: str = "1,4,3,3", **weights: np.ndarray) -> Program:
    head = f'<ir_version: 7, opset_import: ["": {opset}]>'
    return graph.parse(f"{head} n (float[{shape}] x) => (float y) {{ {body} }}", weights)


def computed(program: Program, seed: int = 0) -> np.ndarray:
    shape = program.inputs[0].shape
    data = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return Oracle(program).run({"x": data})["y"]


BOXES = {
    "b": np.array([[0, 0, 2, 2], [1, 0, 2.5, 1.7]], np.float32),
    "i": np.array([0, 0], np.int64),
}
GROUP = {"s": np.array([2, 3], np.float32), "b": np.array([1, -1], np.float32)}
NORM = {n: np.arange(1, 5).astype(np.float32) for n in "sbmv"}
INDEX = {"i": np.array([[[[2, 0, 1]]]], np.int64), "u": np.ones((1, 1, 1, 3), np.float32)}
GRID = {"g": np.random.default_rng(1).uniform(-1, 1, (1, 2, 2, 2)).astype(np.float32)}
CASES = {
    "upsample attribute 7": old(7, "y = Upsample <scales = [1.0,1.0,2.0,2.0]> (x)"),
    "upsample nearest 9": old(9, 'y = Upsample <mode = "nearest"> (x, s)', s=SIZES),
    "upsample linear 9": old(9, 'y = Upsample <mode = "linear"> (x, s)', s=SIZES),
    "resize linear 10": old(10, 'y = Resize <mode = "linear"> (x, s)', s=SIZES),
    "resize nearest 10": old(10, 'y = Resize <mode = "nearest"> (x, s)', s=SIZES * 1.5),
    "resize 11": old(
        11,
        'y = Resize <mode = "linear"> (x, none, none, s)',
        none=np.zeros(0, np.float32),
        s=np.array([1, 4, 5, 7], np.int64),
    ),
    "clip 6": old(9, "y = Clip <min = 0.0, max = 1.0> (x)"),
    "clip 6 of one side": old(9, "y = Clip <max = 0.5> (x)"),
    "dropout 10": old(10, "y = Dropout <ratio = 0.3> (x)"),
    "pad 2": old(9, 'y = Pad <pads = [0,0,1,0,0,0,1,2], value = 3.0> (x)'),
    "pad 2 reflects": old(9, 'y = Pad <mode = "reflect", pads = [0,0,1,0,0,0,1,2]> (x)'),
    "slice 1": old(9, "y = Slice <starts = [1, 0], ends = [3, -1], axes = [1, 3]> (x)"),
    "topk 1": old(9, "y, i = TopK <k = 2, axis = 3> (x)"),
    "softmax 11 by default": old(11, "y = Softmax (x)"),
    "softmax 11 of rows": old(11, "y = Softmax <axis = 3> (x)"),
    "log softmax 11": old(11, "y = LogSoftmax <axis = 2> (x)"),
    "hardmax 11": old(11, "y = Hardmax <axis = 0> (x)"),
    "softmax 11 inside": old(11, "a = Softmax <axis = 2> (x) \n y = Neg(a)"),
    "squeeze 11": old(11, "y = Squeeze <axes = [0]> (x)"),
    "squeeze 11 of all": old(11, "y = Squeeze (x)"),
    "unsqueeze 11": old(11, "y = Unsqueeze <axes = [0, 2]> (x)"),
    "reduce sum 11": old(11, "y = ReduceSum <axes = [1, -1], keepdims = 0> (x)"),
    "reduce mean 13": old(13, "y = ReduceMean <axes = [2]> (x)"),
    "reduce max 13 of all": old(13, "y = ReduceMax (x)"),
    "split 11": old(11, "y, z = Split <axis = 1, split = [1, 3]> (x)"),
    "split 13 evenly": old(13, "y, z = Split <axis = 1> (x)"),
    "norm 7": old(7, "y = BatchNormalization <spatial = 1> (x, s, b, m, v)", **NORM),
    "scatter 9": old(9, "y = Scatter <axis = 3> (x, i, u)", **INDEX),
    "roi align 10": old(
        10, "y = RoiAlign <output_height = 2, output_width = 2> (x, b, i)", **BOXES
    ),
    "grid sample 16": old(16, "y = GridSample (x, g)", **GRID),
    "grid sample 16 cubic": old(16, 'y = GridSample <mode = "bicubic"> (x, g)', **GRID),
    "dft 17": old(17, "y = DFT <onesided = 1> (x)", "1,5,6,1"),
    "dft 17 of an axis": old(17, "y = DFT <axis = 2> (x)", "1,5,6,1"),
    "if 11": old(
        11,
        "y = If (t) <then_branch = a () => (p) { p = Softmax <axis = 1> (x) },"
        " else_branch = b () => (q) { q = Neg(x) }>",
        t=TRUE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("version", [13, 18, 21, 25])
@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_a_raised_program_computes_what_it_did(program: Program, version: int) -> None:
    if version <= graph.opset(program):
        version = 25
    if any(n.op_type == "RoiAlign" for n in program.graph.graph):
        version = min(version, 21)  # the reference runtime has none above
    higher = converted(program, version)
    assert graph.opset(higher) == version
    np.testing.assert_allclose(computed(higher), computed(program), rtol=1e-5, atol=1e-6)


def test_an_op_that_changed_nothing_stays_as_it_is() -> None:
    higher = converted(old(13, "y = Relu(x)"), 25)
    assert [n.op_type for n in higher.graph.graph] == ["Relu"]


def test_scales_of_groups_become_scales_of_channels() -> None:
    body = "y = GroupNormalization <num_groups = 2> (x, s, b)"
    higher = converted(old(18, body, **GROUP), 21)
    each = {n: np.repeat(a, 2) for n, a in GROUP.items()}
    want = computed(old(21, body, **each))
    np.testing.assert_allclose(computed(higher), want, rtol=1e-5, atol=1e-6)


REFUSED = {
    "training": (7, "y, m1, v1, m2, v2 = BatchNormalization (x, s, b, m, v)", "in training", NORM),
    "spatial": (7, "y = BatchNormalization <spatial = 0> (x, s, b, m, v)", "each activation", NORM),
    "mask": (10, "a, m = Dropout (x) \n c = Cast <to = 1> (m) \n y = Mul(a, c)", "mask is", {}),
    "coordinates": (
        11,
        'y = Resize <coordinate_transformation_mode = "tf_half_pixel_for_nn"> (x, none, s)',
        "given up",
        {"none": np.zeros(0, np.float32), "s": SIZES},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_newer_sets_do_not_have_is_refused(case) -> None:
    opset, body, reason, weights = case
    with pytest.raises(LoweringError, match=reason) as caught:
        converted(old(opset, body, **weights), 25)
    assert "the node" in caught.value.where
    assert caught.value.fix


def test_a_group_norm_of_unknown_channels_is_refused() -> None:
    body = "y = GroupNormalization <num_groups = 2> (x, s, b)"
    with pytest.raises(LoweringError, match="channels is not known"):
        converted(old(18, body, "1,C,3,3", **GROUP), 21)


@pytest.mark.parametrize(
    "body", ["y = Clip <min = 0.0> (c)", "y = Pad <pads = [1,1], value = 1.0> (c)"]
)
def test_a_bound_without_a_known_type_is_refused(body: str) -> None:
    head = '<ir_version: 7, opset_import: ["": 9, "own": 1]>'
    text = f"{head} n (float[4] x) => (float y) {{ c = own.Odd(x) \n {body} }}"
    with pytest.raises(LoweringError, match="type of its input is not known"):
        converted(graph.parse(text), 13)
