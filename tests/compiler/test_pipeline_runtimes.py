"""A build for the better of two runtimes, from end to end."""

from __future__ import annotations

import json

import pytest

from mcompile import build, cli, graph, registry
from mcompile.errors import BackendMissing

from .conftest import QUICK

ARTIFACTS = {"onnxruntime": ["model.onnx"], "openvino": ["model.bin", "model.xml"]}


def words(data, backend, out, precision="int8"):
    """The command of a build for that runtime, into that folder."""
    given = [str(data / "net.onnx"), "--target", "cpu-server", "--precision", precision]
    samples = ["--calibration", str(data / "calibration.npz")]
    samples += ["--evaluation", str(data / "evaluation.npz")]
    return [*given, "--backend", backend, *samples, *QUICK, "-o", str(data / out), "-q"]


@pytest.fixture(scope="module")
def contested(tmp_path_factory):
    """One build with the choice left open, its folder and its report."""
    from .conftest import write_data

    data = tmp_path_factory.mktemp("contested")
    write_data(data)
    assert cli.run(words(data, "auto", "auto")) == 0
    folder = data / "auto" / "net-cpu-server-int8"
    return data, folder, json.loads((folder / "report.json").read_text())


def test_one_runtime_is_handed_over_and_the_other_reported(contested) -> None:
    _, folder, report = contested
    [rival] = report["rivals"]
    assert {report["backend"], rival["backend"]} == set(ARTIFACTS)
    assert report["headlines"][0].startswith(f"auto chose the runtime {report['backend']} (int8, ")
    assert f"not {rival['backend']} (int8, " in report["headlines"][0]
    named = {m["name"] for m in rival["measured"]}
    assert named >= {
        "size_mb", "latency_p50_ms", "latency_p90_ms", "latency_p99_ms", "agreement", "sqnr_db",
        "accuracy",
    }  # fmt: skip
    assert rival["built"] == "int8"
    assert rival["verdict"] == report["verdict"] != "failed"
    held = [p.name for p in folder.iterdir() if p.name.startswith("model.")]
    assert sorted(held) == ARTIFACTS[report["backend"]]
    assert not [p for p in folder.iterdir() if p.name.startswith(".")]


def test_the_model_is_captured_and_observed_once_and_measured_in_one_run(contested) -> None:
    stages = [(s["name"], s["summary"]) for s in contested[2]["stages"]]
    assert [n for n, _ in stages] == [
        "captured", "optimized", "optimized", "diagnosed", "calibrated", "quantized",
        "calibrated", "quantized", "lowered", "lowered", "measured", "judged", "judged",
    ]  # fmt: skip
    told = [summary for name, summary in stages if name == "calibrated"]
    assert told[1].startswith("openvino: ")
    assert told[1].endswith(", all of them before")


def test_the_artifact_is_that_of_a_build_for_its_runtime_alone(contested) -> None:
    """The other runtime in the same build changes no byte."""
    data, folder, report = contested
    name = report["backend"]
    assert cli.run(words(data, name, "alone")) == 0
    alone = data / "alone" / folder.name
    for file in (*ARTIFACTS[name], "plan.json", "plan.npz", "golden.npz"):
        assert (alone / file).read_bytes() == (folder / file).read_bytes(), file


def test_the_manifest_names_the_runtime_and_the_command(contested) -> None:
    _, folder, report = contested
    manifest = json.loads((folder / "artifact.json").read_text())
    assert manifest["backend"] == manifest["artifact"]["backend"] == report["backend"]
    command = manifest["command"]
    assert command[command.index("--backend") + 1] == "auto"


def test_it_is_checked_as_any_other(contested) -> None:
    assert cli.run(["check", str(contested[1]), "-q"]) == 0


def test_precision_and_runtime_may_both_be_left_open(data) -> None:
    assert cli.run(words(data, "auto", "out", "auto")) == 0
    folder = data / "out" / "net-cpu-server-auto"
    report = json.loads((folder / "report.json").read_text())
    assert report["headlines"][0].startswith(f"auto chose the runtime {report['backend']} ")
    assert report["headlines"][1].startswith(f"auto chose {report['built']} ")
    assert len(report["rivals"]) == 1


def test_a_card_may_leave_the_runtime_open(data) -> None:
    (data / "net.toml").write_text('backend = "auto"\n')
    report = build(data / "net.onnx", target="cpu-server", runs=3, seconds=1, out=str(data / "out"))
    assert report.card["backend"] == "auto"
    assert len(report.rivals) == 1


def test_a_runtime_that_cannot_hold_the_model_leaves_it_to_the_other(tmp_path) -> None:
    """OpenVINO has no determinant."""
    text = """<ir_version: 9, opset_import: ["": 17]>
    det (float[1,3,3] x) => (float[1] y) { y = Det(x) }"""
    graph.save(graph.parse(text, {}, "det"), tmp_path / "det.onnx")
    given = {"target": "cpu-server", "runs": 3, "seconds": 1, "out": str(tmp_path)}
    report = build(tmp_path / "det.onnx", backend="auto", **given)
    assert report.backend == "onnxruntime"
    [rival] = report.rivals
    assert rival.backend == "openvino"
    assert "Det" in rival.out
    assert report.headlines[1].startswith("openvino was left out: ")
    assert not [p for p in (tmp_path / "det-cpu-server-fp32").iterdir() if p.name[0] == "."]


def test_without_its_sdk_a_runtime_is_left_out_with_the_command(data, monkeypatch) -> None:
    backend = registry.backend

    def without(name, *folders):
        if name == "openvino":
            raise BackendMissing("openvino is not here", fix="pip install 'mcompile[openvino]'")
        return backend(name, *folders)

    monkeypatch.setattr(registry, "backend", without)
    given = {"target": "cpu-server", "runs": 3, "seconds": 1, "out": str(data)}
    report = build(data / "net.onnx", backend="auto", **given)
    assert report.backend == "onnxruntime"
    assert report.headlines[1] == (
        "openvino was left out: openvino is not here; pip install 'mcompile[openvino]'"
    )


def test_bfloat16_is_judged_though_the_reference_cannot_run_it(tmp_path) -> None:
    from .conftest import write_data

    write_data(tmp_path)
    assert cli.run(words(tmp_path, "openvino", "narrow", "bf16")) == 0
    report = json.loads((tmp_path / "narrow/net-cpu-server-bf16/report.json").read_text())
    assert (report["built"], report["backend"]) == ("bf16", "openvino")
