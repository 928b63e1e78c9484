"""What holds for OpenVINO alone."""

import numpy as np
import pytest

pytest.importorskip("openvino")

from mcompile.backends.openvino import Openvino
from mcompile.backends.openvino.vendor import ov
from mcompile.errors import LoweringError
from mcompile.graph import infer_shapes, parse
from mcompile.oracle import Oracle
from mcompile.profile import Device, Target
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.weight_only import weight_only
from mcompile.types import Precision

from .models import build, noise

RUNTIME = Openvino()
EIGHT, FOUR = Precision.INT8_WEIGHTS, Precision.INT4_WEIGHTS


_PRODUCTS = {"Convolution", "Deconvolution", "FullyConnected", "MatMul"}


def target(precision=Precision.FP32, arch="x86_64", isa=("avx512_vnni",)):
    return Target("t", "t", "openvino", precision, Device(arch, isa))


@pytest.mark.parametrize(("isa", "saturates"), [(("avx2",), True), (("avx2", "avx_vnni"), False)])
def test_pairs_saturate_on_x86_without_vnni_only(isa, saturates):
    assert RUNTIME.scheme_on(target(isa=isa)).pair_saturates is saturates
    assert not RUNTIME.scheme_on(target(arch="npu-3720", isa=())).pair_saturates


def test_an_npu_refuses_a_free_size_in_three_lines(tmp_path):
    with pytest.raises(LoweringError) as caught:
        RUNTIME.lower(build("dynamic_batch"), target(arch="npu-3720", isa=()), tmp_path)
    assert "x has the free size n" in caught.value.what
    assert "--input" in caught.value.fix


def test_what_is_absent_runs_on_the_processor(tmp_path):
    artifact = RUNTIME.lower(build("conv"), target(arch="npu-3720", isa=()), tmp_path)
    feeds = next(iter(noise(build("conv")))).feeds
    with RUNTIME.open(artifact, tmp_path, 1) as executor:
        assert executor.run(feeds)["y"].shape == (1, 5)


def test_integer_convolutions_are_read_from_the_runtime(tmp_path):
    program, there = build("residual"), target(Precision.INT8)
    scheme = RUNTIME.scheme_on(there)
    lowered = insert(program, plan(program, observe(program, noise(program)), scheme), scheme)
    artifact = RUNTIME.lower(lowered, there, tmp_path)
    with RUNTIME.open(artifact, tmp_path, 1) as executor:
        layers = executor.layers(next(iter(noise(program))).feeds, 1)
    assert [x.precision for x in layers if x.op == "Convolution"] == ["int8"] * 3


@pytest.mark.parametrize("model", ["residual", "attention", "padded_means", "transposed"])
def test_what_layers_compute_in_is_what_they_read_in_the_runtime_s_own_graph(model, tmp_path):
    """A product is one of integers where both of its factors are, whatever it hands on."""
    program, there = build(model), target(Precision.INT8)
    scheme = RUNTIME.scheme_on(there)
    lowered = insert(program, plan(program, observe(program, noise(program)), scheme), scheme)
    artifact = RUNTIME.lower(lowered, there, tmp_path)
    settings = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    running = ov.Core().compile_model(tmp_path / "model.xml", "CPU", settings)
    expected = {}
    for node in running.get_runtime_model().get_ordered_ops():
        if node.get_rt_info()["layerType"].value in _PRODUCTS:
            made = [v.get_source_output().get_node().get_rt_info() for v in node.inputs()[:2]]
            types = {info["outputPrecisions"].value for info in made}
            expected[node.get_friendly_name()] = "int8" if types <= {"u8", "i8"} else "fp32"
    with RUNTIME.open(artifact, tmp_path, 1) as executor:
        layers = executor.layers(next(iter(noise(program))).feeds, 1)
    assert expected
    assert {x.name: x.precision for x in layers if x.name in expected} == expected


@pytest.mark.parametrize(("precision", "rows"), [(EIGHT, 96), (FOUR, 96), (FOUR, 80), (FOUR, 40)])
def test_integer_weights_stay_integers_and_are_computed_in_float(precision, rows, tmp_path):
    weight = np.random.default_rng(0).standard_normal((rows, 64)).astype(np.float32)
    text = f"""<ir_version: 10, opset_import: ["": 21]>
    wide (float[1,{rows}] x) => (float[1,64] y) {{ y = MatMul(x, w) }}"""
    program = parse(text, {"w": weight})
    infer_shapes(program)
    narrow, _ = weight_only(program, precision)
    artifact = RUNTIME.lower(narrow, target(precision), tmp_path)
    assert (tmp_path / "model.bin").stat().st_size < 0.5 * weight.nbytes
    feeds = {"x": np.linspace(-1, 1, rows, dtype=np.float32)[None]}
    with RUNTIME.open(artifact, tmp_path, 1) as executor:
        want, got = Oracle(narrow).run(feeds)["y"], executor.run(feeds)["y"]
        layers = executor.layers(feeds, 1)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    assert [x.precision for x in layers if x.name == "y"] == ["fp32"]
