"""The kit as a whole: what is written for which device, and what stands in for it here."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import onnx.printer
import pytest

from mcompile.backends import tensorrt
from mcompile.backends.tensorrt.script import script
from mcompile.errors import ContractError, LoweringError
from mcompile.files import hashed, sha256
from mcompile.graph import load
from mcompile.oracle import Oracle
from mcompile.quantize import half
from mcompile.schemes.tensorrt import TENSORRT_8, TENSORRT_10
from mcompile.standin import StandIn
from mcompile.targets import load as profile
from mcompile.types import Precision

from .written import BACKEND, net, one, quantized, samples, target, without_int8

ALWAYS = ["Dockerfile", "README.md", "TRTEXEC.md", "build_engine.py", "kit.json", "model.onnx"]
INTEGERS = ["calibration.txt", "model-float.onnx", "ranges.json"]


def nodes(path):
    """Each node of a file: its op, what it reads and what it makes."""
    return [
        f"{n.outputs[0].name} = {n.op_type}({', '.join(v.name for v in n.inputs[:1])})"
        for n in load(path, "read").graph.graph
    ]


def names(folder):
    return sorted(p.name for p in (folder / "engine-kit").iterdir())


@pytest.mark.parametrize(
    ("versions", "scheme"),
    [
        ("", TENSORRT_8),
        ("==8.2.1", TENSORRT_8),
        (">=8.5,<11", TENSORRT_8),
        ("<11", TENSORRT_8),
        (">=10", TENSORRT_10),
        (">=10.3,<11", TENSORRT_10),
        (">=11.4", TENSORRT_10),
    ],
)
def test_the_oldest_release_decides_how_weights_are_stored(versions, scheme):
    assert BACKEND.scheme_on(target(versions)) is scheme


REAL_WEIGHTS = [
    "w1.integer = QuantizeLinear(w1)",
    "w1.real = DequantizeLinear(w1.integer)",
    "w2.integer = QuantizeLinear(w2)",
    "w2.real = DequantizeLinear(w2.integer)",
    "x.integer = QuantizeLinear(x)",
    "x.real = DequantizeLinear(x.integer)",
    "a = Conv(x.real)",
    "r = Relu(a)",
    "r.integer = QuantizeLinear(r)",
    "r.real = DequantizeLinear(r.integer)",
    "c = Conv(r.real)",
    "y = Sigmoid(c)",
]
STORED_WEIGHTS = [line for line in REAL_WEIGHTS if not line.endswith(("r(w1)", "r(w2)"))]


@pytest.mark.parametrize(
    ("versions", "written"), [(">=8.5,<11", REAL_WEIGHTS), (">=10,<11", STORED_WEIGHTS)]
)
def test_the_graph_with_pairs(versions, written, tmp_path):
    there = target(versions)
    BACKEND.lower(quantized(there), there, tmp_path)
    path = tmp_path / "engine-kit" / "model.onnx"
    assert sorted(nodes(path)) == sorted(written)
    onnx.checker.check_model(str(path), full_check=True)
    stored = {t.name: t for t in onnx.load(path).graph.initializer}
    int8, real = onnx.TensorProto.INT8, onnx.TensorProto.FLOAT
    assert stored["b1"].data_type == stored["b2"].data_type == real  # never from int32
    data = [t for n, t in stored.items() if n.startswith("w1") and len(t.dims) == 4]
    assert [t.data_type for t in data] == [real if written is REAL_WEIGHTS else int8]


@pytest.mark.parametrize(
    ("versions", "files"),
    [
        (">=8.5,<11", sorted([*ALWAYS, *INTEGERS, "model.onnx.data"])),
        (">=10", sorted(ALWAYS + INTEGERS)),
        (">=11.4", sorted([*ALWAYS, "ranges.json"])),
    ],
)
def test_tables_are_written_where_a_release_reads_them(versions, files, tmp_path):
    there = target(versions)
    artifact = BACKEND.lower(quantized(there), there, tmp_path)
    assert names(tmp_path) == files
    assert artifact.files[0].path == "engine-kit/model.onnx"
    assert sorted(f.path.removeprefix("engine-kit/") for f in artifact.files) == files


def test_a_float_kit_has_no_tables(tmp_path):
    BACKEND.lower(net(), target(">=8.5", Precision.FP32), tmp_path)
    assert names(tmp_path) == ALWAYS
    told = json.loads((tmp_path / "engine-kit" / "kit.json").read_text())
    assert (told["precision"], told["integer_layers"], told["calibration"]) == ("fp32", 0, None)


def test_every_file_of_the_kit_is_under_its_checksum(tmp_path):
    there = target(">=8.5,<11")
    artifact = BACKEND.lower(quantized(there), there, tmp_path)
    kit = tmp_path / "engine-kit"
    told = json.loads((kit / "kit.json").read_text())
    assert sorted([*told["files"], "kit.json"]) == names(tmp_path)
    assert told["files"] == {name: sha256(kit / name) for name in told["files"]}
    assert (kit / "build_engine.py").read_bytes() == script()
    assert hashed(tmp_path, [f.path for f in artifact.files]) == artifact.files


def test_the_contract_is_the_range_that_reads_the_graph(tmp_path):
    norm = one("y = LayerNormalization(x, g)", g=np.ones(4, np.float32))
    contract = BACKEND.lower(norm, target(">=8.5,<11", Precision.FP32), tmp_path).contract
    assert (contract.runtime, contract.version) == ("tensorrt", ">=8.6,<11")
    assert (contract.arch, contract.isa, contract.opset) == ("aarch64", ("asimd", "sm_87"), 17)
    readme = (tmp_path / "engine-kit" / "README.md").read_text()
    assert "before 8.6 TensorRT reads no LayerNormalization" in readme


def test_what_the_kit_is_made_of_is_told(tmp_path):
    there = target(">=8.5,<11")
    artifact = BACKEND.lower(quantized(there), there, tmp_path)
    assert BACKEND.contents(artifact, tmp_path) == "2 layers in INT8, for TensorRT >=8.5,<11"


def test_weights_are_not_written_twice(tmp_path):
    there = target(">=8.5,<11")
    BACKEND.lower(quantized(there), there, tmp_path)
    sizes = {p.name: p.stat().st_size for p in (tmp_path / "engine-kit").iterdir()}
    weights = 2 * 16 * 16 * 9 * 4
    assert weights <= sizes["model.onnx.data"] < 2 * weights
    assert sizes["model.onnx"] < weights > sizes["model-float.onnx"]


def test_equal_builds_write_equal_bytes(tmp_path):
    there = target(">=8.5,<11")
    first = BACKEND.lower(quantized(there), there, tmp_path / "a")
    assert BACKEND.lower(quantized(there), there, tmp_path / "b") == first


@pytest.mark.parametrize("name", ["jetson-nano", "jetson-tx2"])
def test_a_device_without_int8_never_gets_pairs(name, tmp_path):
    there = replace(profile("jetson-nano"), precision=Precision.INT8, name=name)
    with pytest.raises(LoweringError, match=rf"{name} has no INT8, and TensorRT refuses") as caught:
        BACKEND.lower(quantized(there), there, tmp_path)
    assert caught.value.where.endswith("(QuantizeLinear)")
    assert caught.value.fix.endswith("it is built in fp16")
    assert not any(tmp_path.iterdir())


def test_that_device_gets_halves(tmp_path):
    there = replace(without_int8(), precision=Precision.FP16)
    made, _, _ = half(net(), Precision.FP16, samples())
    BACKEND.lower(made, there, tmp_path)
    path = tmp_path / "engine-kit" / "model.onnx"
    assert not [n for n in nodes(path) if "Quantize" in n or "quantize" in n]
    told = json.loads((path.parent / "kit.json").read_text())
    assert (told["half_layers"], told["opset"], told["tensorrt"]) == (4, 13, ">=8.2.1,<8.2.2")
    assert onnx.load(path).opset_import[0].version == 13
    onnx.checker.check_model(str(path), full_check=True)


def test_the_stand_in_computes_what_the_pairs_say(tmp_path):
    there = target(">=8.5,<11")
    program = quantized(there)
    artifact = BACKEND.lower(program, there, tmp_path)
    feeds = next(iter(samples())).feeds
    with BACKEND.open(artifact, tmp_path, 1) as executor:
        assert isinstance(executor, StandIn)
        got = executor.run(feeds)["y"]
    np.testing.assert_allclose(got, Oracle(program).run(feeds)["y"], atol=1e-6)
    assert abs(got - Oracle(net()).run(feeds)["y"]).max() > 1e-4  # and not what floats do


@pytest.mark.parametrize("name", ["kit.json", "build_engine.py", "model.onnx"])
def test_a_kit_that_is_not_whole_is_refused(name, tmp_path):
    artifact = BACKEND.lower(net(), target(">=8.5", Precision.FP32), tmp_path)
    place = tmp_path / "engine-kit" / name
    place.write_bytes(place.read_bytes() + b" ")
    with pytest.raises(ContractError, match=f"engine-kit/{name} is damaged"):
        BACKEND.open(artifact, tmp_path)
    place.unlink()
    with pytest.raises(ContractError, match=f"engine-kit/{name} is missing"):
        BACKEND.open(artifact, tmp_path)


def test_golden_cases_go_with_the_kit(tmp_path):
    artifact = BACKEND.lower(net(), target(">=8.5", Precision.FP32), tmp_path)
    cases = [({"x": np.ones(2, np.float32)}, {"y": np.zeros(2, np.float32)})]
    ((path, data),) = BACKEND.kit(artifact, cases, tolerance=0.125).items()
    assert path == "engine-kit/golden.npz"
    (tmp_path / path).write_bytes(data)
    with np.load(tmp_path / path, allow_pickle=False) as archive:
        assert [*archive.files] == ["tolerance", "in.0.x", "out.0.y"]
        assert archive["tolerance"] == 0.125


class Here:
    """Stands for the module that needs a GPU: what it was asked for."""

    def __init__(self, fits):
        self.asked, self._fits = [], fits

    def fits(self, _):
        return self._fits

    def finish(self, folder):
        self.asked.append(folder.name)
        (folder / "model.engine").write_bytes(b"ftrt")

    def Native(self, path, outputs):  # noqa: N802
        return (path.name, [p.name for p in outputs])


@pytest.mark.parametrize("fits", [True, False])
def test_the_engine_is_built_here_where_the_device_is_this_machine(fits, monkeypatch, tmp_path):
    here = Here(fits)
    monkeypatch.setattr(tensorrt, "finisher", lambda: here)
    artifact = BACKEND.lower(net(), target(">=8.5", Precision.FP32), tmp_path)
    assert ("engine-kit/model.engine" in [f.path for f in artifact.files]) is fits
    assert here.asked == (["engine-kit"] if fits else [])
    opened = BACKEND.open(artifact, tmp_path)
    assert opened == ("model.engine", ["y"]) if fits else isinstance(opened, StandIn)


def test_half_precision_may_be_off_by_a_few_of_its_steps():
    assert BACKEND.least_tolerance(Precision.FP32) == 1e-4
    assert BACKEND.least_tolerance(Precision.FP16) == 4 / 2048
    assert BACKEND.least_tolerance(Precision.INT8) == 4 / 2048
