"""What is put in place: the chosen form alone, golden cases of the untouched model, a manifest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import mcompile
from mcompile import cli, graph
from mcompile.artifact import read, read_golden
from mcompile.oracle import Oracle
from mcompile.quantize import planfile
from mcompile.types import Precision

from .conftest import QUICK
from .quantize.chains import chain


@pytest.fixture(scope="module")
def manifest(built):
    return read(built.folder)


def test_only_the_chosen_form_is_left(built, manifest) -> None:
    assert [f.path for f in manifest.artifact.files] == ["model.onnx"]
    assert not [p for p in built.folder.iterdir() if p.name.startswith(".") or p.is_dir()]
    data = (built.folder / "model.onnx").read_bytes()
    assert manifest.artifact.files[0].sha256 == hashlib.sha256(data).hexdigest()


def test_the_plan_is_beside_an_int8_artifact_and_is_that_of_the_report(built) -> None:
    plan = planfile.load((built.folder / "plan.json").read_bytes(), "plan.json", built.folder)
    assert {"x", "w1", "w3"} <= {*plan.tensors}
    held = {r["tensor"]: r["scale"] for r in built.report["quantization"]}
    assert {n: float(np.max(p.scale)) for n, p in plan.tensors.items()} == held


def test_a_float_artifact_has_no_plan(data) -> None:
    words = [str(data / "net.onnx"), "--target", "cpu-server", "--precision", "fp32", *QUICK, "-q"]
    cli.run([*words, "-o", str(data)])
    assert not (data / "net-cpu-server-fp32" / "plan.json").exists()
    assert (data / "net-cpu-server-fp32" / "model.onnx").exists()


def test_golden_outputs_are_those_of_the_untouched_model(built, manifest) -> None:
    golden = read_golden(built.folder)
    oracle = Oracle(graph.load(built.data / "net.onnx", "net"))
    assert len(golden.cases) == 3
    with np.load(built.data / "evaluation.npz") as held_out:
        for i, (feeds, wanted) in enumerate(golden.cases):
            np.testing.assert_array_equal(feeds["x"][0], held_out["x"][i])
            np.testing.assert_array_equal(wanted["y"], oracle.run(feeds)["y"])
    assert golden.tolerance == manifest.tolerance
    assert 1e-4 <= golden.tolerance < 0.5


def test_the_manifest_says_what_was_built_from_what_and_how(built, manifest) -> None:
    assert (manifest.model, manifest.target, manifest.backend) == (
        "net", "cpu-server", "onnxruntime",
    )  # fmt: skip
    assert manifest.requested is manifest.built is Precision.INT8
    assert manifest.because == ""
    assert manifest.verdict.value == built.report["verdict"]
    assert {"mcompile", "onnxruntime"} <= set(manifest.tools)
    assert len(manifest.source_sha256) == 64
    [port] = manifest.artifact.inputs
    assert (port.name, port.dtype, port.shape) == ("x", "float32", (1, 3, 16, 16))


def test_the_command_can_be_read_and_names_no_place(manifest) -> None:
    words = list(manifest.command)
    assert words[:4] == ["mcompile", "net.onnx", "--target", "cpu-server"]
    for option, value in (("--precision", "int8"), ("--calibration", "calibration.npz"),
                          ("--evaluation", "evaluation.npz"), ("--seed", "0")):  # fmt: skip
        assert words[words.index(option) + 1] == value
    assert not [w for w in words if "/" in w]


def test_another_source_has_another_hash_and_preprocessing_is_kept(data) -> None:
    (data / "how.toml").write_text("scale = 127.5\n")
    words = [str(data / "net.onnx"), "--target", "cpu-server", *QUICK, "-q"]
    words += ["--evaluation", str(data / "evaluation.npz")]
    cli.run([*words, "-o", str(data / "one")])
    weights = graph.load(data / "net.onnx", "net")
    graph.initializer(weights.graph.graph, "unused", np.ones(3, np.float32))
    graph.save(weights, data / "net.onnx")
    cli.run([*words, "--preprocess", str(data / "how.toml"), "-o", str(data / "two")])
    one, two = (read(data / d / "net-cpu-server-fp32") for d in ("one", "two"))
    assert one.source_sha256 != two.source_sha256
    assert one.preprocess == {}
    assert two.preprocess["scale"] == 127.5
    assert json.loads((data / "two" / "net-cpu-server-fp32" / "artifact.json").read_text())


def test_the_plan_of_a_changed_model_gives_the_same_artifact_again(tmp_path) -> None:
    rng = np.random.default_rng(0)
    graph.save(chain(), tmp_path / "net.onnx")
    given = {
        "target": "cpu-server", "precision": "int8", "budgets": ("sqnr_db_min=60",),
        "calibration": [{"x": rng.standard_normal((1, 3, 12, 12), np.float32)} for _ in range(12)],
    }  # fmt: skip
    first = Path(mcompile.build(tmp_path / "net.onnx", out=tmp_path / "one", **given).folder)
    assert b'"changed": "channels tuned' in (first / "plan.json").read_bytes()
    plan = str(first / "plan.json")
    report = mcompile.build(tmp_path / "net.onnx", out=tmp_path / "two", plan=plan, **given)
    again = Path(report.folder)
    for name in ("model.onnx", "plan.json", "plan.npz"):
        assert (first / name).read_bytes() == (again / name).read_bytes()
