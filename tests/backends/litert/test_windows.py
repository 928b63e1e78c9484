"""Windows and pictures: which operators they become, what they compute, what is refused."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from mcompile import graph
from mcompile.backends.litert import Litert
from mcompile.errors import LoweringError
from mcompile.oracle import Oracle
from mcompile.profile import Device, Target
from mcompile.types import Precision

DESK = Target("desk", "d", "litert", Precision.FP32, Device(arch="x86_64"))
IMAGE = "float[1,8,9,10] x"


def program(body, given=IMAGE, **stored):
    rng = np.random.default_rng(3)
    made = {
        n: rng.standard_normal(s).astype(np.float32) if isinstance(s, tuple) else s
        for n, s in stored.items()
    }
    text = f'<ir_version: 9, opset_import: ["": 20]>\nnet ({given}) => (float y) {{\n{body}\n}}'
    found = graph.parse(text, made, "net")
    found.graph.graph.outputs[0].shape = None
    graph.infer_shapes(found)
    return graph.program("net", found.graph)


def ran(found, shape=(1, 8, 9, 10)):
    """The operators in order, what the file makes of drawn numbers, and what it should."""
    x = np.random.default_rng(4).standard_normal(shape).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        artifact = Litert().lower(found, DESK, Path(folder))
        data = (Path(folder) / artifact.files[0].path).read_bytes()
        with Litert().open(artifact, Path(folder), 1) as executor:
            got = executor.run({"x": x})["y"]
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    runner = Interpreter(model_content=data, experimental_op_resolver_type=plain)
    kinds = [d["op_name"] for d in runner._get_ops_details()]
    return kinds, got, Oracle(found).run({"x": x})["y"]


def agrees(found, shape=(1, 8, 9, 10)):
    kinds, got, wanted = ran(found, shape)
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, atol=2e-5 * max(1, np.abs(wanted).max()), rtol=1e-4)
    return kinds


def test_a_picture_is_turned_once_on_its_way_in_and_once_on_its_way_out():
    kinds = agrees(program(
        """a = Conv <pads = [1,1,1,1], strides = [2,2]> (x, w)
        b = Relu(a)
        c = MaxPool <kernel_shape = [3,3], pads = [1,1,1,1], strides = [2,2]> (b)
        d = Resize <mode = "linear"> (c, , twice)
        e = ConvTranspose <strides = [2,2]> (d, v)
        f = Pad <mode = "reflect"> (e, widths)
        y = AveragePool <kernel_shape = [2,2], pads = [1,0,0,1]> (f)""",
        w=(8, 8, 3, 3), v=(8, 4, 2, 2), twice=np.array([1, 1, 2, 2], np.float32),
        widths=np.array([0, 0, 1, 1, 0, 0, 1, 1]),
    ))  # fmt: skip
    assert kinds.count("TRANSPOSE") == 2
    assert (kinds[0], kinds[-1]) == ("TRANSPOSE", "TRANSPOSE")


def test_zeros_are_low_enough_around_what_a_relu_made():
    pool = "y = MaxPool <kernel_shape = [3,3], pads = [1,1,0,0], strides = [2,2]> (a)"
    assert "PADV2" not in agrees(program(f"a = Relu(x)\n{pool}"))
    assert "PADV2" in agrees(program(f"a = Neg(x)\n{pool}"))


def test_a_convolution_makes_its_channels_in_the_order_of_the_blocks():
    shuffled = 'y = DepthToSpace <blocksize = 2, mode = "CRD"> (a)'
    kinds = agrees(program(f"a = Conv (x, w, b)\n{shuffled}", w=(12, 8, 3, 3), b=(12,)))
    assert kinds == ["TRANSPOSE", "CONV_2D", "DEPTH_TO_SPACE", "TRANSPOSE"]


def test_a_convolution_that_somebody_else_reads_keeps_its_order():
    body = """a = Conv (x, w)
    d = DepthToSpace <blocksize = 2, mode = "CRD"> (a)
    e = GlobalMaxPool (d)
    f = GlobalMaxPool (a)
    g = Slice (f, zero, three, one)
    y = Add (e, g)"""
    one = {n: np.array([v]) for n, v in (("zero", 0), ("three", 3), ("one", 1))}
    agrees(program(body, w=(12, 8, 3, 3), **one))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("group", [1, 2])
def test_a_free_batch_size_of_a_transposed_convolution(group, batch):
    how = f"<strides = [2,2], pads = [1,1,1,1], group = {group}>"
    body = f"y = ConvTranspose {how} (x, w, b)"
    found = program(body, "float[n,8,5,6] x", w=(8, 6 // group, 3, 3), b=(6,))
    assert "TRANSPOSE_CONV" not in agrees(found, (batch, 8, 5, 6))


def test_a_volume():
    found = program(
        "y = Conv <group = 2, pads = [1,0,1,0,1,1], dilations = [1,2,1]> (x, w, b)",
        "float[1,4,6,7,8] x", w=(6, 2, 3, 3, 3), b=(6,),
    )  # fmt: skip
    assert agrees(found, (1, 4, 6, 7, 8)).count("CONV_3D") == 2


@pytest.mark.parametrize("power", [1, 2, 3])
def test_norms_of_windows(power):
    how = f"p = {power}, kernel_shape = [3,2], pads = [1,0,1,1], strides = [2,1]"
    agrees(program(f"y = LpPool <{how}> (x)"))
    agrees(program(f"y = GlobalLpPool <p = {power}> (x)"))


REFUSED = {
    "its weights are computed": "y = Conv (x, x)",
    "where its maxima are": "a, y = MaxPool <kernel_shape = [2,2]> (x)",
    "lies in the pads alone": """y = MaxPool <kernel_shape = [2,2], strides = [3,3],
        pads = [0,0,1,1], ceil_mode = 1> (x)""",
    "half_pixel_symmetric": """y = Resize <mode = "nearest",
        coordinate_transformation_mode = "half_pixel_symmetric"> (x, , more)""",
    "beyond the value": """y = Resize <mode = "linear",
        coordinate_transformation_mode = "tf_crop_and_resize"> (x, wide, more)""",
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what):
    stored = {
        "more": np.array([1, 1, 1.5, 1.5], np.float32),
        "wide": np.array([0, 0, -1, 0, 1, 1, 2, 1], np.float32),
    }
    body = REFUSED[what]
    given = "float[8,8,3,3] x" if "Conv" in body else "float[1,8,9,9] x"
    used = {n: v for n, v in stored.items() if n in body}
    with pytest.raises(LoweringError, match=what), tempfile.TemporaryDirectory() as folder:
        Litert().lower(program(body, given, **used), DESK, Path(folder))


def test_three_axes_cannot_be_transposed():
    found = program("y = ConvTranspose (x, w)", "float[1,2,3,3,3] x", w=(2, 2, 2, 2, 2))
    with pytest.raises(LoweringError, match="over 3 axes"), tempfile.TemporaryDirectory() as folder:
        Litert().lower(found, DESK, Path(folder))
