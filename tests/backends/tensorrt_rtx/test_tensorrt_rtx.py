"""What holds for TensorRT-RTX alone: real engines for every GPU, made on a machine without one."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from .desk import product, program, target  # skips without the package

from mcompile import plans  # isort: skip
from mcompile.backends import tensorrt_rtx  # isort: skip
from mcompile.backends.tensorrt_rtx import TensorrtRtx, builder, capabilities  # isort: skip
from mcompile.backends.tensorrt_rtx.layers import described  # isort: skip
from mcompile.errors import ContractError, LoweringError, TargetError  # isort: skip
from mcompile.files import hashed  # isort: skip
from mcompile.graph import save  # isort: skip
from mcompile.quantize import half, insert, observe, plan  # isort: skip
from mcompile.quantize.rest import rest  # isort: skip
from mcompile.schemes.tensorrt import TENSORRT_8, TENSORRT_10  # isort: skip
from mcompile.types import Artifact, Contract, Precision  # isort: skip
from tests.backends.models import build, noise  # isort: skip

RTX = TensorrtRtx()


@cache
def formed(name, form):
    source = build(name)
    if form == "fp16":
        return half(source, Precision.FP16, noise(source))[0]
    scheme = replace({"8": TENSORRT_8, "10": TENSORRT_10}[form], rest="float16")
    ranges = observe(source, noise(source))
    quantized = insert(source, plan(source, ranges, scheme), scheme)
    return rest(quantized, scheme, ranges, noise(source))[0]


@pytest.mark.parametrize("form", ["fp16", "8", "10"])
@pytest.mark.parametrize("capability", capabilities.NAMES)
def test_every_gpu_gets_an_engine_that_is_the_same_twice(capability, form, tmp_path):
    made = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        precision = Precision.FP16 if form == "fp16" else Precision.INT8
        source = formed("residual", form)
        made.append(RTX.lower(source, target(capability, precision), folder))
    assert made[0].files == made[1].files
    told = plans.demand(tmp_path / "a" / "model.engine", made[0].contract)
    assert told.capabilities == (capability,)
    assert told.version == builder.version()


@pytest.mark.parametrize(
    ("form", "capability", "told"),
    [
        ("fp16", "8.9", {"fp16"}),
        ("10", "8.9", {"fp16", "int8"}),
        ("10", "12.0", {"fp16", "int8"}),
        ("10", "7.5", {"fp16", "fp32"}),  # integers are stored there, and floats made of them
    ],
)
def test_an_engine_tells_what_it_multiplies(form, capability, told, tmp_path):
    artifact = RTX.lower(formed("residual", form), target(capability), tmp_path)
    found = json.loads((tmp_path / "engine.json").read_text())
    assert set(found["products"]) == told
    assert found["compute_capabilities"] == [capability]
    assert RTX.contents(artifact, tmp_path) == described(found["products"])


def test_the_contract_names_the_release_and_the_gpu(tmp_path):
    artifact = RTX.lower(product(), target("8.6"), tmp_path)
    assert [f.path for f in artifact.files] == ["model.engine", "model.onnx", "engine.json"]
    assert artifact.contract.runtime == "tensorrt_rtx"
    assert f"=={builder.version()}" in artifact.contract.version
    assert artifact.contract.isa == ("sm_86",)


def test_turing_has_integers_in_convolutions_alone(tmp_path):
    scheme = RTX.scheme_on(target("7.5"))
    assert {"Gemm", "MatMul"} <= RTX.scheme_on(target("8.0")).weighted
    source = build("dynamic_batch")  # its Gemm would be one of integers elsewhere
    ranges = observe(source, noise(source))
    quantized = insert(source, plan(source, ranges, scheme), scheme)
    made, _ = rest(quantized, scheme, ranges, noise(source))
    artifact = RTX.lower(made, target("7.5", Precision.INT8), tmp_path)
    pairs = [n for n in made.graph.graph if n.op_type == "QuantizeLinear"]
    assert pairs
    assert artifact.contract.isa == ("sm_75",)


def test_a_title_says_what_it_is():
    assert "just in time" in RTX.title


def test_a_gpu_without_a_compiler_is_the_target_s_fault(tmp_path):
    with pytest.raises(TargetError, match="compiles for"):
        RTX.lower(product(), target("8.7"), tmp_path)


def test_an_engine_is_for_the_platform_that_it_is_made_on(tmp_path):
    with pytest.raises(TargetError, match="riscv64"):
        RTX.lower(product(), target(arch="riscv64"), tmp_path)


def test_turing_multiplies_no_floats_of_32_bits(tmp_path):
    with pytest.raises(LoweringError, match="cannot compile") as caught:
        RTX.lower(product(), target("7.5"), tmp_path)
    assert caught.value.where.startswith("node mul (MatMul)")
    assert "fp16" in caught.value.fix


def test_a_node_without_a_name_is_named_in_the_file(tmp_path):
    twice = program("[a] b = Relu(x) a = Abs(b) y = Neg(a)")
    RTX.lower(twice, target(), tmp_path)
    assert [n.name for n in twice.graph.graph] == ["a", "", ""]
    found = tensorrt_rtx.load(tmp_path / "model.onnx", "net")
    assert [n.name for n in found.graph.graph] == ["a", "", "y"]


@pytest.mark.parametrize("harm", ["gone", "cut", "of another version", "for another gpu"])
def test_an_engine_that_is_not_the_artifact_s_is_refused(harm, tmp_path):
    artifact = RTX.lower(product(), target(), tmp_path)
    path = tmp_path / "model.engine"
    data = bytearray(path.read_bytes())
    path.unlink()
    if harm == "of another version":
        data[25] += 1
    if harm == "for another gpu":
        data[32] = 2
    if harm != "gone":
        path.write_bytes(data[:-1] if harm == "cut" else data)
    with pytest.raises(ContractError):
        RTX.open(artifact, tmp_path)


def test_an_opinion_is_on_the_first_graph_of_an_artifact(tmp_path):
    refused = program("a = Relu(x) [it] y = nobody.knows.Frobnicate(a)")
    save(refused, tmp_path / "graph.onnx")
    save(product(), tmp_path / "other.onnx")
    (tmp_path / "note.md").write_text("of a kit")
    files = hashed(tmp_path, ["note.md", "graph.onnx", "other.onnx"])
    contract = Contract("tensorrt", ">=8.5", "aarch64")
    kit = Artifact("tensorrt", Precision.FP32, files, refused.inputs, refused.outputs, contract)
    with pytest.raises(LoweringError) as caught:
        RTX.accepts(kit, tmp_path, target("8.7"))
    assert caught.value.where.startswith("node it (Frobnicate)")
    told = RTX.accepts(replace(kit, files=files[2:]), tmp_path, target("8.7"))
    assert "compute capability 8.6" in told
    with pytest.raises(ContractError, match="no ONNX file"):
        RTX.accepts(replace(kit, files=files[:1]), tmp_path, target())


def test_an_opinion_too_is_of_types_that_engines_hold(tmp_path):
    wide = program("y = Relu(x)", "(double[1,4] x) => (double[1,4] y)")
    save(wide, tmp_path / "graph.onnx")
    contract = Contract("tensorrt", ">=8.5", "aarch64")
    files = hashed(tmp_path, ["graph.onnx"])
    kit = Artifact("tensorrt", Precision.FP32, files, wide.inputs, wide.outputs, contract)
    with pytest.raises(LoweringError, match="double"):
        RTX.accepts(kit, tmp_path, target())


def test_asymmetric_integers_are_refused_by_name(tmp_path):
    constants = {"s": np.float32(0.1), "z": np.int8(3)}
    body = "[q] c = QuantizeLinear(x, s, z) y = DequantizeLinear(c, s, z)"
    with pytest.raises(LoweringError) as caught:
        RTX.lower(program(body, weights=constants), target(precision=Precision.INT8), tmp_path)
    assert caught.value.where.startswith("node q (QuantizeLinear)")
