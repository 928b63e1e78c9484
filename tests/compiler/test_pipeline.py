"""A build from end to end, on a small net: what it leaves behind, and what it refuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from mcompile import cli, graph, optimizer
from mcompile.choice import ALIKE
from mcompile.errors import UsageError

from .conftest import QUICK, program

FILES = {"artifact.json", "golden.npz", "junit.xml", "model.onnx", "plan.json", "plan.npz",
         "report.html", "report.json", "report.md", "report.sarif"}  # fmt: skip


def test_the_folder_holds_what_the_contract_says(built):
    assert {p.name for p in built.folder.iterdir()} == FILES


def test_the_artifact_runs_in_plain_onnxruntime(built):
    session = onnxruntime.InferenceSession(built.folder / "model.onnx")
    golden = np.load(built.folder / "golden.npz")
    got = session.run(None, {"x": golden["0.in.x"]})[0]
    want = golden["0.out.y"]
    assert np.abs(got - want).max() <= golden["tolerance"] * np.abs(want).max()


def test_float_and_int8_stand_side_by_side_with_real_accuracy(built):
    variants = {v["name"]: v["measured"] for v in built.report["variants"]}
    assert list(variants) == ["int8", "fp32"]
    for rows in variants.values():
        named = {m["name"]: m["value"] for m in rows}
        assert {"size_mb", "latency_p50_ms", "accuracy", "agreement", "sqnr_db"} <= named.keys()
    named = {m["name"]: m["value"] for m in variants["fp32"]}
    assert named["accuracy"] == 100.0
    assert {m["name"]: m["value"] for m in variants["int8"]}["sqnr_db"] > 20


def test_every_number_has_a_provenance(built):
    for variant in built.report["variants"]:
        for row in variant["measured"]:
            assert row["provenance"] in {"measured", "simulated", "predicted", "stated"}


def test_stages_are_recorded_in_order(built):
    assert [s["name"] for s in built.report["stages"]] == [
        "captured", "optimized", "diagnosed", "calibrated", "quantized", "lowered", "measured",
        "judged",
    ]  # fmt: skip


def test_layers_know_their_error_and_work(built):
    layers = [x for x in built.report["layers"] if x["op"] == "QLinearConv"]
    assert len(layers) == 3
    assert all(x["macs_m"] > 0 and x["sqnr_db"] > 10 for x in layers)


def test_a_second_build_is_byte_identical(built, tmp_path):
    assert cli.run([*built.words, "-o", str(tmp_path), "-q"]) == 0
    again = tmp_path / built.folder.name
    for name in ("model.onnx", "golden.npz", "artifact.json"):
        assert (again / name).read_bytes() == (built.folder / name).read_bytes(), name


def test_nothing_of_this_machine_is_in_the_artifact(built):
    for name in ("model.onnx", "artifact.json"):
        assert str(built.data).encode() not in (built.folder / name).read_bytes()


def test_a_failed_budget_is_kept_marked_and_exits_1(data):
    words = [str(data / "net.onnx"), "--target", "cpu-server", "--budget", "size_mb=0.0001"]
    assert cli.run([*words, *QUICK, "-o", str(data / "out"), "-q"]) == 1
    folder = data / "out" / "net-cpu-server-fp32"
    assert json.loads((folder / "artifact.json").read_text())["verdict"] == "failed"


def test_require_measured_fails_what_is_unproven(data):
    words = [str(data / "net.onnx"), "--target", "cpu-server", "--budget", "power_w=1000"]
    assert cli.run([*words, *QUICK, "-o", str(data / "out"), "-q"]) == 0
    words += ["--require-measured", *QUICK, "-o", str(data / "strict"), "-q"]
    assert cli.run(words) == 1


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8-dynamic"])
def test_the_other_precisions_build(data, precision):
    words = [str(data / "net.onnx"), "--target", "cpu-server", "--precision", precision]
    assert cli.run([*words, *QUICK, "-o", str(data / "out"), "-q"]) == 0
    model = onnx.load(data / "out" / f"net-cpu-server-{precision}" / "model.onnx")
    kinds = {t.data_type for t in model.graph.initializer}
    expected = {"fp32": 1, "fp16": 10, "int8-dynamic": 3}[precision]
    assert expected in kinds


@pytest.fixture
def halved(data):
    words = [str(data / "net.onnx"), "--target", "cpu-server", "--precision", "fp16", *QUICK]

    def build(*more):
        assert cli.run([*words, *more, "-o", str(data / "out"), "-q"]) == 0
        folder = data / "out" / "net-cpu-server-fp16"
        return json.loads((folder / "report.json").read_text()), folder / "model.onnx"

    return build


def test_fp16_is_held_against_float_on_seeded_inputs(halved):
    report, path = halved()
    told = {s["name"]: s["summary"] for s in report["stages"]}
    some, _, total, *rest = told["narrowed"].split()
    assert some == total
    assert " ".join(rest) == "float ops in float16 observed on seeded random inputs"
    assert report["left_float"] == {}
    model = onnx.load(path)
    assert [n.op_type for n in model.graph.node].count("Cast") == 2
    assert {i.type.tensor_type.elem_type for i in model.graph.input} == {1}


def test_fp16_is_guarded_by_the_calibration_data(data, halved):
    inputs = np.load(data / "calibration.npz")["x"]
    np.savez(data / "loud.npz", x=3e4 * inputs)
    report, _ = halved("--calibration", str(data / "loud.npz"))
    told = {s["name"]: s["summary"] for s in report["stages"]}
    assert told["narrowed"].endswith("loud.npz")
    assert "beyond a quarter of the 65504" in next(iter(report["left_float"].values()))
    assert any(v["name"] == "fp16" for v in report["variants"])


def test_auto_hands_over_the_fastest_that_holds_the_accuracy_budget(data):
    words = [str(data / "net.onnx"), "--target", "cpu-server", "--precision", "auto",
             "--calibration", str(data / "calibration.npz")]  # fmt: skip
    assert cli.run([*words, *QUICK, "-o", str(data / "out"), "-q"]) == 0
    report = json.loads((data / "out" / "net-cpu-server-auto" / "report.json").read_text())
    p50 = {v["name"]: next(m["value"] for m in v["measured"] if m["name"] == "latency_p50_ms")
           for v in report["variants"]}  # fmt: skip
    # Its convolutions hold more weights than its one linear layer: no dynamic INT8.
    assert set(p50) == {"int8", "fp32"}
    assert p50[report["built"]] <= ALIKE * min(p50.values())
    assert f"auto chose {report['built']}" in report["headlines"][0]


def test_auto_takes_no_integers_that_miss_the_accuracy_budget(data):
    words = [
        str(data / "net.onnx"),
        "--target",
        "cpu-server",
        "--precision",
        "auto",
        "--calibration",
        str(data / "calibration.npz"),
        "--budget",
        "sqnr_db_min=90",
    ]
    assert cli.run([*words, *QUICK, "-o", str(data / "out"), "-q"]) == 0
    report = json.loads((data / "out" / "net-cpu-server-auto" / "report.json").read_text())
    assert report["built"] == "fp32"
    assert "misses sqnr_db_min" in report["headlines"][0]


def test_integers_that_cannot_hold_the_budget_exit_1_and_are_kept_marked(built, tmp_path):
    words = [*built.words, "--budget", "sqnr_db_min=90", "-o", str(tmp_path), "-q"]
    assert cli.run(words) == 1
    folder = tmp_path / built.folder.name
    assert json.loads((folder / "artifact.json").read_text())["verdict"] == "failed"
    checks = {c["name"]: c for c in json.loads((folder / "report.json").read_text())["checks"]}
    assert (checks["sqnr_db_min"]["verdict"], checks["sqnr_db_min"]["hard"]) == ("failed", True)


def test_a_node_kept_float_is_float_in_the_file(built, tmp_path):
    assert cli.run([*built.words, "--keep-float", "c0", "-o", str(tmp_path), "-q"]) == 0
    folder = tmp_path / built.folder.name
    report = json.loads((folder / "report.json").read_text())
    assert any("c" in name for name in report["left_float"])
    integers = {t.name for t in onnx.load(folder / "model.onnx").graph.initializer if
                t.data_type == onnx.TensorProto.INT8 and len(t.dims) == 4}  # fmt: skip
    everywhere = {t.name for t in onnx.load(built.folder / "model.onnx").graph.initializer if
                  t.data_type == onnx.TensorProto.INT8 and len(t.dims) == 4}  # fmt: skip
    assert len(integers) == len(everywhere) - 1


def test_an_unknown_node_cannot_be_kept_float(built, tmp_path, capsys):
    assert cli.run([*built.words, "--keep-float", "c00", "-o", str(tmp_path)]) == 2
    err = capsys.readouterr().err.rstrip("\n").split("\n")
    told = [line for line in err if line.startswith(("error: ", "  in   ", "  try  "))]
    assert told[0].startswith("error: no node of the optimized model is named c00")
    assert told[1:] == ["  in   --keep-float", told[2]]
    assert "c0" in told[2]
    assert not [p for p in tmp_path.iterdir() if not p.name.endswith(".lock")]


STREAM = """
import os, signal
from pathlib import Path
import numpy as np

def samples():
    for k, x in enumerate(np.random.default_rng(0).standard_normal((80, 1, 16), np.float32)):
        # The file is there once the ranges are being taken.
        if k == 50 and {stops} and Path("ranges.bin").exists():
            os.kill(os.getpid(), signal.SIGINT)
        yield {{"x": x}}
"""


def test_an_interrupted_calibration_goes_on_where_it_was_saved(tmp_path, monkeypatch):
    weights = np.random.default_rng(1).standard_normal((16, 8)).astype(np.float32)
    made = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[1,16] x) => (float[1,8] y) { y = MatMul(x, w) }""",
        {"w": weights},
    )
    graph.save(made, tmp_path / "net.onnx")
    (tmp_path / "broken_off.py").write_text(STREAM.format(stops=True))
    (tmp_path / "in_one_go.py").write_text(STREAM.format(stops=False))
    given = ["net.onnx", "--target", "cpu-server", "--precision", "int8", "-q", *QUICK]

    def words(stream, ranges, out):
        return [*given, "--calibration", f"{stream}:samples", "--ranges", ranges, "-o", out]

    # A process whose parent runs in the background is born deaf to interrupts.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += f"from mcompile import cli; cli.main({words('broken_off', 'ranges.bin', 'out')!r})"
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=tmp_path)
    assert done.returncode == cli.INTERRUPTED
    assert not (tmp_path / "out").exists()

    monkeypatch.chdir(tmp_path)
    seen: list[int] = []
    one_pass = import_module("mcompile.quantize.observe")._Pass
    add = one_pass._add
    monkeypatch.setattr(
        one_pass, "_add", lambda self, s, k, due: (seen.append(k), add(self, s, k, due))
    )
    assert cli.run(words("in_one_go", "ranges.bin", "out")) == 0
    assert seen == [*range(32, 80)]
    assert cli.run(words("in_one_go", "whole.bin", "whole")) == 0
    assert seen[48:] == [*range(80)]
    resumed, whole = (tmp_path / p / "net-cpu-server-int8" / "model.onnx" for p in ("out", "whole"))
    assert resumed.read_bytes() == whole.read_bytes()


def test_int8_without_calibration_is_refused(data, capsys):
    words = [str(data / "net.onnx"), "--target", "cpu-server", "--precision", "int8"]
    assert cli.run([*words, "-o", str(data / "out")]) == 4
    assert "--calibration SOURCE" in capsys.readouterr().err
    assert not (data / "out").exists()


def test_one_calibration_sample_is_refused(data, capsys):
    np.savez(data / "one.npz", x=np.zeros((1, 3, 16, 16), np.float32))
    words = [str(data / "net.onnx"), "--target", "cpu-server", "--precision", "int8"]
    assert cli.run([*words, "--calibration", str(data / "one.npz"), "-o", str(data / "o")]) == 4
    assert "1 sample, and at least 2 are needed" in capsys.readouterr().err


def test_evaluating_on_the_calibration_data_is_said(data):
    same = str(data / "evaluation.npz")
    words = [str(data / "net.onnx"), "--target", "cpu-server", "--precision", "int8",
             "--calibration", same, "--evaluation", same]  # fmt: skip
    cli.run([*words, *QUICK, "-o", str(data / "out"), "-q"])
    report = json.loads((data / "out" / "net-cpu-server-int8" / "report.json").read_text())
    assert any("evaluated on the calibration data" in w for w in report["warnings"])


def test_a_target_without_its_backend_exits_5(data, capsys):
    assert cli.run([str(data / "net.onnx"), "--target", "cortex-m4"]) == 5
    assert "this version has no microcontroller backend" in capsys.readouterr().err


def test_strict_refuses_what_would_fall_back(data, capsys):
    words = [str(data / "net.onnx"), "--target", "cpu-server", "--precision", "bf16", "--strict"]
    assert cli.run(words) == 2
    assert "may not be given bf16" in capsys.readouterr().err


def test_a_fallback_is_the_first_line_and_in_the_manifest(data, capsys):
    words = [str(data / "net.onnx"), "--target", "cpu-server", "--precision", "bf16", *QUICK]
    assert cli.run([*words, "-o", str(data / "out")]) == 0
    assert "bf16 falls back to fp32" in capsys.readouterr().out
    manifest = json.loads((data / "out" / "net-cpu-server-fp32" / "artifact.json").read_text())
    assert (manifest["requested"], manifest["built"]) == ("bf16", "fp32")
    assert manifest["because"]


def test_a_build_that_is_killed_leaves_the_earlier_artifact(built, tmp_path):
    assert cli.run([*built.words, "-o", str(tmp_path), "-q"]) == 0
    folder = tmp_path / built.folder.name
    before = (folder / "artifact.json").read_bytes()
    code = f"""
import os, signal, sys
from mcompile import cli, pipeline
def die(*rest): os.kill(os.getpid(), signal.SIGKILL)
pipeline.hand_over = die
cli.main({[*built.words, "-o", str(tmp_path), "-q"]!r})
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert (folder / "artifact.json").read_bytes() == before
    assert {p.name for p in folder.iterdir()} == FILES
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == [folder.name]


def test_optimize_refuses_an_unknown_rule_with_the_nearest():
    with pytest.raises(UsageError, match="fold_batchnrm is not a rule") as caught:
        optimizer.optimize(program(), skip=["fold_batchnrm"])
    assert "fold_batchnorm" in caught.value.fix


def test_optimize_leaves_the_given_program_as_it_was():
    given = program()
    before = [n.op_type for n in given.graph.graph]
    optimizer.optimize(given)
    assert [n.op_type for n in given.graph.graph] == before


def test_a_card_beside_the_model_makes_a_whole_command(data):
    (data / "net.toml").write_text(
        'calibration = "calibration.npz"\nevaluation = "evaluation.npz"\n'
        "[budgets]\nlatency_p50_ms = 1000\n"
    )
    words = [str(data / "net.onnx"), "--target", "cpu-server", "--precision", "int8", *QUICK]
    assert cli.run([*words, "-o", str(data / "out"), "-q"]) == 0
    report = json.loads((data / "out" / "net-cpu-server-int8" / "report.json").read_text())
    assert set(report["card"]) == {"calibration", "evaluation", "budgets"}
    assert "latency_p50_ms" in {c["name"] for c in report["checks"]}


def test_a_dynamic_batch_is_measured_at_the_batch_asked_for(tmp_path):
    made = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[n,4] x) => (float[n,3] y) { y = MatMul(x, w) }""",
        {"w": np.ones((4, 3), np.float32)},
    )
    graph.save(made, tmp_path / "dyn.onnx")
    words = [str(tmp_path / "dyn.onnx"), "--target", "cpu-server", "--batch", "8", *QUICK]
    assert cli.run([*words, "-o", str(tmp_path / "out"), "-q"]) == 0
    text = (tmp_path / "out" / "dyn-cpu-server-fp32" / "report.json").read_text()
    rows = json.loads(text)["variants"][0]["measured"]
    assert any(m["name"] == "throughput_qps" and "batch 8" in m["note"] for m in rows)


def test_the_output_folder_may_not_be_a_file(data, capsys):
    (data / "out").write_text("mine")
    words = [str(data / "net.onnx"), "--target", "cpu-server", *QUICK, "-o", str(data / "out")]
    assert cli.run(words) == 2
    assert (data / "out").read_text() == "mine"
    assert "error:" in capsys.readouterr().err


def test_the_shared_build_was_not_touched(built: object) -> None:
    assert {p.name for p in Path(built.folder).iterdir()} == FILES
