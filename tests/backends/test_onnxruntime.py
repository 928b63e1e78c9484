"""What holds for ONNX Runtime alone."""

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.backends import onnxruntime
from mcompile.backends.onnxruntime import Onnxruntime
from mcompile.graph import load
from mcompile.oracle import Oracle
from mcompile.profile import Device, Runtime, Target
from mcompile.quantize import dynamic, half, insert, observe, plan
from mcompile.quantize.weight_only import weight_only
from mcompile.types import Precision

from .models import build, noise

RUNTIME = Onnxruntime()


def target(precision=Precision.FP32, runtime=Runtime(), **device):  # noqa: B008
    return Target("t", "t", "onnxruntime", precision, Device(**device), runtime)


@pytest.mark.parametrize(
    ("arch", "isa", "saturates"),
    [
        ("x86_64", ("avx2",), True),
        ("x86_64", ("avx2", "avx512_vnni"), False),
        ("x86_64", ("avx2", "avx_vnni"), False),
        ("aarch64", ("asimd",), False),
    ],
)
def test_pairs_saturate_on_x86_without_vnni_only(arch, isa, saturates):
    assert RUNTIME.scheme_on(target(arch=arch, isa=isa)).pair_saturates is saturates


def test_the_ir_version_is_capped_by_the_profile(tmp_path):
    program = build("conv")
    program.graph.ir_version = 11
    RUNTIME.lower(program, target(runtime=Runtime(max_ir_version=8), arch="x86_64"), tmp_path)
    assert load(tmp_path / "model.onnx", "x").graph.ir_version == 8


def test_the_contract_names_the_oldest_runtime_that_reads_the_opset(tmp_path):
    artifact = RUNTIME.lower(build("conv"), target(arch="x86_64"), tmp_path)
    assert artifact.contract.version == ">=1.13"
    assert artifact.contract.opset == 17


def test_integer_convolutions_really_run_on_integers(tmp_path):
    program = build("residual")
    there = target(Precision.INT8, arch="x86_64", isa=("avx2",))
    scheme = RUNTIME.scheme_on(there)
    lowered = insert(program, plan(program, observe(program, noise(program)), scheme), scheme)
    artifact = RUNTIME.lower(lowered, there, tmp_path)
    with RUNTIME.open(artifact, tmp_path, 1) as executor:
        ops = [layer.op for layer in executor.layers(next(iter(noise(program))).feeds, 1)]
    assert ops.count("QLinearConv") == 3
    assert "Conv" not in ops


@pytest.mark.parametrize(
    ("model", "precision", "op", "computes_in"),
    [
        ("residual", Precision.INT8, "QLinearConv", "int8"),
        ("residual", Precision.INT8, "QGemm", "int8"),
        ("residual", Precision.INT8, "QuantizeLinear", ""),
        ("residual", Precision.INT8, "GlobalAveragePool", "fp32"),
        ("attention", Precision.INT8, "MatMulIntegerToFloat", "int8"),
        ("attention", Precision.INT8, "MatMul", "fp32"),
        ("attention", Precision.INT8_DYNAMIC, "DynamicQuantizeMatMul", "int8"),
        ("attention", Precision.FP32, "MatMul", "fp32"),
    ],
)
def test_layers_tell_what_they_compute_in(model, precision, op, computes_in, tmp_path):
    program = build(model)
    there = target(precision, arch="x86_64", isa=("avx2", "avx512_vnni"))
    scheme = RUNTIME.scheme_on(there)
    if precision is Precision.INT8:
        lowered = insert(program, plan(program, observe(program, noise(program)), scheme), scheme)
    else:
        lowered = dynamic(program, scheme)[0] if precision is Precision.INT8_DYNAMIC else program
    artifact = RUNTIME.lower(lowered, there, tmp_path)
    with RUNTIME.open(artifact, tmp_path, 1) as executor:
        layers = executor.layers(next(iter(noise(program))).feeds, 1)
    assert {layer.precision for layer in layers if layer.op == op} == {computes_in}


def told(op, *types):
    return {"op_name": op, "input_type_shape": [{t: [1]} for t in types]}


@pytest.mark.parametrize(
    ("event", "machine", "computes_in"),
    [
        (told("MatMulNBits", "float", "float"), "x86_64", "int8"),
        (told("MatMulNBits", "float", "float"), "aarch64", ""),
        (told("MatMulNBits", "float", "uint8", "float"), "x86_64", "fp32"),
        (told("Conv", "float16", "float16"), "aarch64", "fp16"),
        (told("Gather", "int64"), "x86_64", ""),
        ({"op_name": "Conv"}, "x86_64", ""),
    ],
)
def test_what_the_profile_does_not_show_is_not_guessed_at(event, machine, computes_in, monkeypatch):
    monkeypatch.setattr(onnxruntime.platform, "machine", lambda: machine)
    assert onnxruntime._computes_in(event) == computes_in


def test_an_open_oracle_is_not_disturbed_by_lowering(tmp_path):
    program = build("conv")
    feeds = next(iter(noise(program))).feeds
    before = Oracle(program).run(feeds)["y"]
    lowered, _, _ = half(program, Precision.FP16, noise(program))
    RUNTIME.lower(lowered, target(Precision.FP16, arch="x86_64"), tmp_path)
    assert (Oracle(program).run(feeds)["y"] == before).all()


def test_half_precision_is_written_as_it_comes(tmp_path):
    program, _, _ = half(build("attention"), Precision.FP16, noise(build("attention")))
    given = [(n.op_type, n.outputs[0].name) for n in program.graph.graph]
    RUNTIME.lower(program, target(Precision.FP16, arch="x86_64"), tmp_path)
    written = load(tmp_path / "model.onnx", "x").graph.graph
    assert [(n.op_type, n.outputs[0].name) for n in written] == given
    assert {v.dtype for v in written.initializers.values()} == {ir.DataType.FLOAT16}


def test_half_precision_of_large_weights_goes_to_a_file_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(graph, "EXTERNAL_ABOVE", 100)
    monkeypatch.setattr(graph, "MAPPED_ABOVE", 100)
    program, _, _ = half(build("conv"), Precision.FP16, noise(build("conv")))
    artifact = RUNTIME.lower(program, target(Precision.FP16, arch="x86_64"), tmp_path)
    assert [f.path for f in artifact.files] == ["model.onnx", "model.onnx.data"]
    feeds = next(iter(noise(program))).feeds
    want = Oracle(build("conv")).run(feeds)["y"]
    with RUNTIME.open(artifact, tmp_path, 1) as executor:
        assert abs(executor.run(feeds)["y"] - want).max() < 5e-3 * abs(want).max()


def test_linear_layers_with_a_bias_run_on_integers(tmp_path):
    program = build("attention")
    there = target(Precision.INT8, arch="x86_64", isa=("avx2", "avx512_vnni"))
    scheme = RUNTIME.scheme_on(there)
    lowered = insert(program, plan(program, observe(program, noise(program)), scheme), scheme)
    artifact = RUNTIME.lower(lowered, there, tmp_path)
    with RUNTIME.open(artifact, tmp_path, 1) as executor:
        ops = [layer.op for layer in executor.layers(next(iter(noise(program))).feeds, 1)]
    assert ops.count("MatMulIntegerToFloat") == 4
    assert "Gemm" not in ops


EIGHT, FOUR = Precision.INT8_WEIGHTS, Precision.INT4_WEIGHTS
WIDE = """<ir_version: 9, opset_import: ["": 21]>
wide (float[1,96] x) => (float[1,80] y) {
  h = Gemm <transB = 1> (x, w1, b1)
  r = Relu(h)
  y = MatMul(r, w2)
}"""


def wide():
    rng = np.random.default_rng(0)
    shapes = {"w1": (64, 96), "b1": (64,), "w2": (64, 80)}
    weights = {n: rng.standard_normal(s).astype(np.float32) / 8 for n, s in shapes.items()}
    program = graph.parse(WIDE, weights)
    graph.infer_shapes(program)
    return program


@pytest.mark.parametrize("precision", [EIGHT, FOUR])
def test_integer_weights_are_multiplied_as_they_are_stored(precision, tmp_path):
    there = target(precision, arch="x86_64")
    artifact = RUNTIME.lower(weight_only(wide(), precision)[0], there, tmp_path)
    with RUNTIME.open(artifact, tmp_path, 1) as executor:
        layers = executor.layers({"x": np.ones((1, 96), np.float32)}, 1)
    assert [layer.op for layer in layers] == ["MatMulNBits", "Relu", "MatMulNBits"]


def test_four_bits_make_a_smaller_file_than_eight(tmp_path):
    sizes = []
    for precision in (Precision.FP32, EIGHT, FOUR):
        (tmp_path / precision.value).mkdir()
        program = wide() if precision is Precision.FP32 else weight_only(wide(), precision)[0]
        there = target(precision, arch="x86_64")
        made = RUNTIME.lower(program, there, tmp_path / precision.value)
        sizes.append(made.files[0].bytes)
    assert sizes[1] < 0.45 * sizes[0]
    assert sizes[2] < 0.75 * sizes[1]


@pytest.mark.parametrize(("precision", "version"), [(EIGHT, ">=1.23"), (FOUR, ">=1.20")])
def test_the_contract_names_the_runtime_that_has_the_kernels(precision, version, tmp_path):
    there = target(precision, arch="x86_64")
    artifact = RUNTIME.lower(weight_only(wide(), precision)[0], there, tmp_path)
    assert artifact.contract.version.split(",")[-1] == version


def test_16_bit_activations_are_not_offered_because_they_run_in_float():
    assert Precision.INT16X8 not in RUNTIME.precisions
    assert Precision.BF16 not in RUNTIME.precisions
