"""What the parser refuses of ops that it reads otherwise."""

import numpy as np
import pytest

from mcompile.backends.tensorrt.limits import limits

from .written import one

IMAGE = "(float[1,4,8,8] x) => (float y)"


def found(body, op, signature=IMAGE, opset=17, **weights):
    program = one(body, signature, opset, **weights)
    node = next(n for n in program.graph.graph if n.op_type == op)
    return [(str(since) if since else None, words) for since, words in limits(node)]


@pytest.mark.parametrize(
    ("body", "op", "since", "words"),
    [
        ("y = MaxPool <kernel_shape=[2,2], dilations=[2,2]> (x)", "MaxPool", None, "dilated"),
        ("v, i = MaxPool <kernel_shape=[2,2]> (x) y = Cast <to=1> (i)", "MaxPool", None, "indices"),
        ('y = Resize <mode="cubic"> (x, , s)', "Resize", "8.4", "cubic"),
        (
            'y = Resize <coordinate_transformation_mode="tf_crop_and_resize"> (x, , s)',
            "Resize",
            None,
            "tf_crop_and_resize",
        ),
        (
            'y = Resize <coordinate_transformation_mode="tf_half_pixel_for_nn",'
            ' nearest_mode="floor"> (x, , s)',
            "Resize",
            None,
            "floor with",
        ),
        ("y, i = TopK (x, many)", "TopK", None, "3839"),
        ("j = Cast <to=6> (x) y, i = TopK (j, k)", "TopK", "8.6", "on floats"),
        ("j = Cast <to=6> (x) y = ArgMax (j)", "ArgMax", "8.6", "on floats"),
        ('y = ScatterND <reduction="add"> (x, at, u)', "ScatterND", None, "overwrites"),
        (
            'y = ScatterElements <reduction="add"> (x, at, u)',
            "ScatterElements",
            "10.0",
            "overwrites",
        ),
        ('y = Pad <mode="reflect"> (x, p)', "Pad", "8.2", "reflect"),
        ('y = Einsum <equation="...i->...i"> (x)', "Einsum", "10.12", "ellipses"),
        ('y = Einsum <equation="abii->ab"> (x)', "Einsum", "10.12", "diagonals"),
        ("y = Gather (x, minus)", "Gather", "8.2", "from 0 on"),
        ("y, m = LayerNormalization (x, g) z = Neg(m)", "LayerNormalization", None, "the mean"),
        ("y = GridSample (cube, grid)", "GridSample", None, "4 dimensions"),
        ("j = Cast <to=6> (x) y = Pow (j, j)", "Pow", "10.12", "on floats"),
        ("q = Relu (x) a = ReduceMax <keepdims=0> (q) y = CumSum (x, a)", "CumSum", "10.8", "axis"),
        ("b = Relu (g) y = Conv (x, w, b)", "Conv", "8.5", "input 2 (b)"),
        (
            "a, m, n = BatchNormalization <training_mode=1> (x, c, c, c, c) y = Relu(a)",
            "BatchNormalization",
            None,
            "training",
        ),
    ],
)
def test_a_limit(body, op, since, words):
    constants = {
        "s": np.array([1, 1, 2, 2], np.float32),
        "k": np.array([2]),
        "many": np.array([4000]),
        "at": np.zeros((1, 1, 1, 1), np.int64),
        "u": np.zeros((1, 1, 1, 1), np.float32),
        "p": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "minus": np.array([-1]),
        "g": np.ones(8, np.float32),
        "c": np.ones(4, np.float32),
        "w": np.ones((8, 4, 1, 1), np.float32),
        "cube": np.ones((1, 1, 2, 2, 2), np.float32),
        "grid": np.ones((1, 2, 2, 2, 3), np.float32),
    }
    ((release, told),) = found(body, op, **constants)
    assert release == since
    assert words in told or words == "axis"


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ("layout = 1", "layout 0"),
        ("input_forget = 1", "coupled"),
        (
            'direction = "bidirectional",'
            ' activations = ["Sigmoid","Tanh","Tanh","Relu","Tanh","Tanh"]',
            "same activations",
        ),
    ],
)
def test_a_recurrence(attributes, words):
    body = f"y = LSTM <hidden_size = 2, {attributes}> (x, w, r)"
    shapes = {"w": np.ones((2, 8, 3), np.float32), "r": np.ones((2, 8, 2), np.float32)}
    ((release, told),) = found(body, "LSTM", "(float[4,1,3] x) => (float y)", **shapes)
    assert release is None
    assert words in told


def test_nine_dimensions_are_too_many():
    signature = "(float[1,1,1,1,1,1,1,1,4] x) => (float[1,1,1,1,1,1,1,1,4] y)"
    assert found("y = Relu(x)", "Relu", signature) == [
        (None, "holds tensors of 8 dimensions at most")
    ]


@pytest.mark.parametrize(
    "body",
    [
        "y = Relu(x)",
        "y = MaxPool <kernel_shape=[2,2], dilations=[1,1]> (x)",
        'y = Resize <mode="linear"> (x, , s)',
        "y, i = TopK <sorted=0> (x, k)",
        'y = Einsum <equation="abij->abji"> (x)',
        "y = LayerNormalization (x, g)",
        "c = Cast <to=7> (t) y = Unsqueeze (x, c)",
    ],
)
def test_nothing_stands_against_what_the_parser_reads(body):
    constants = {
        "s": np.array([1, 1, 2, 2], np.float32),
        "k": np.array([2]),
        "g": np.ones(8, np.float32),
        "t": np.array([0], np.int32),
    }
    program = one(body, IMAGE, **constants)
    assert [w for n in program.graph.graph for w in limits(n)] == []
