"""What once went wrong, each as its user would meet it."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest

import mcompile
from mcompile import cli, graph

from .conftest import QUICK

KEYS = {"seconds": 0.5, "runs": 3, "threads": 1, "budgets": "latency_p99_ms=none"}


def net(body, weights, signature="(float[1,4,4,4] x) => (float[a,b,c,d] y)", opset=17, version=8):
    text = f'<ir_version: {version}, opset_import: ["": {opset}]> net {signature} {{ {body} }}'
    return graph.parse(text, weights, "net")


def weight(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def saved(tmp_path, program, name="odd.onnx", count=6):
    graph.save(program, tmp_path / name)
    shape = [d if isinstance(d, int) else 1 for d in program.inputs[0].shape]
    np.savez(tmp_path / "data.npz", **{program.inputs[0].name: weight(count, *shape[1:], seed=1)})
    return [str(tmp_path / name), "--target", "cpu-server", *QUICK, "-o", str(tmp_path / "out")]


def report_of(tmp_path, name):
    return json.loads((tmp_path / "out" / name / "report.json").read_text())


@pytest.fixture
def external(data):
    """net.onnx with its weights in a file of their own, as PyTorch writes it."""
    model = onnx.load(data / "net.onnx")
    onnx.save(model, data / "there.onnx", save_as_external_data=True, size_threshold=0,
              location="there.onnx.data")  # fmt: skip
    return data


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int8-dynamic"])
def test_weights_in_another_file_come_along(external, precision):
    words = [str(external / "there.onnx"), "--target", "cpu-server", "--precision", precision,
             "--calibration", str(external / "calibration.npz"), *QUICK]  # fmt: skip
    assert cli.run([*words, "-o", str(external / "out"), "-q"]) == 0
    (external / "there.onnx.data").unlink()
    folder = external / "out" / f"there-cpu-server-{precision}"
    onnxruntime.InferenceSession(folder / "model.onnx")


def test_an_optimized_model_needs_no_file_but_its_own(external, tmp_path):
    (tmp_path / "else").mkdir()
    out = tmp_path / "else" / "better.onnx"
    assert cli.run(["optimize", str(external / "there.onnx"), "-o", str(out), "-q"]) == 0
    (external / "there.onnx.data").unlink()
    onnxruntime.InferenceSession(out)


def test_an_old_resize_computes_what_the_file_says(tmp_path):
    body = """a = Conv <pads = [1,1,1,1]> (x, w)
      u = Upsample <mode = "linear"> (a, s)
      y = Conv (u, v)"""
    weights = {"w": weight(4, 4, 3, 3), "v": weight(2, 4, 1, 1),
               "s": np.array([1, 1, 2, 2], np.float32)}  # fmt: skip
    words = saved(tmp_path, net(body, weights, opset=9, version=7))
    x = weight(1, 4, 4, 4, seed=5)
    before = onnxruntime.InferenceSession(words[0]).run(None, {"x": x})[0]
    for precision, least in (("fp32", 1e-5), ("int8", 0.05)):
        more = ["--precision", precision, "--calibration", str(tmp_path / "data.npz"), "-q"]
        assert cli.run([*words, *more]) == 0
        model = tmp_path / "out" / f"odd-cpu-server-{precision}" / "model.onnx"
        after = onnxruntime.InferenceSession(model).run(None, {"x": x})[0]
        assert np.abs(after - before).max() <= least * np.abs(before).max()


def test_a_weight_that_is_an_input_too_is_not_observed(tmp_path):
    program = net("a = Conv(x, w) \n y = Relu(a)", {"w": weight(2, 4, 1, 1)})
    value = program.graph.graph.initializers["w"]
    program.graph.graph.inputs.append(value)
    words = saved(tmp_path, program)
    more = ["--precision", "int8", "--calibration", str(tmp_path / "data.npz"), "-q"]
    assert cli.run([*words, *more]) == 0
    report = report_of(tmp_path, "odd-cpu-server-int8")
    assert any("nothing could be quantized" in line for line in report["headlines"])


def test_nothing_to_quantize_is_said_and_refused_under_strict(tmp_path, capsys):
    words = saved(tmp_path, net("y = Relu(x)", {}))
    more = ["--precision", "int8", "--calibration", str(tmp_path / "data.npz"), "-q"]
    assert cli.run([*words, *more]) == 0
    headlines = report_of(tmp_path, "odd-cpu-server-int8")["headlines"]
    assert "nothing could be quantized: this int8 build is the float model" in headlines
    assert cli.run([*words, *more, "--strict"]) == 2
    assert "nothing of this model could be quantized" in capsys.readouterr().err


@pytest.mark.parametrize("shape", [(4,), (1, 4, 4, 3)])
def test_a_weight_that_is_no_matrix_stays_float(tmp_path, shape):
    words = saved(tmp_path, net("y = MatMul(x, w)", {"w": weight(*shape)}))
    more = ["--precision", "int8", "--calibration", str(tmp_path / "data.npz"), "-q"]
    assert cli.run([*words, *more]) == 0
    left = report_of(tmp_path, "odd-cpu-server-int8")["left_float"]
    assert left == {"y": "its weight is not a matrix"}


def test_an_output_of_zeros_is_no_int8_of_anything(tmp_path):
    tiny = 1e-30 * weight(2, 4, 1, 1)
    words = saved(
        tmp_path, net("a = Conv(x, w) \n r = Relu(a) \n y = GlobalMaxPool(r)", {"w": tiny})
    )
    more = ["--precision", "int8", "--calibration", str(tmp_path / "data.npz"), "-q"]
    assert cli.run([*words, *more]) == 1


def test_a_runtime_is_not_given_an_opset_it_cannot_read(tmp_path, capsys):
    words = saved(
        tmp_path, net("a = Cast<to = 6>(x) b = BitwiseNot(a) y = Cast<to = 1>(b)", {}, opset=18)
    )
    (tmp_path / "old.toml").write_text('extends = "cpu-server"\n[runtime]\nmax_opset = 13\n'
                                       '[sources]\n"runtime.max_opset" = "a test"\n')  # fmt: skip
    words[2] = str(tmp_path / "old.toml")
    assert cli.run(words) == 6
    assert "BitwiseNot" in capsys.readouterr().err


def test_the_profiles_runtime_versions_are_in_the_contract(built):
    manifest = json.loads((built.folder / "artifact.json").read_text())
    assert ">=1.20" in manifest["artifact"]["contract"]["version"]


def test_strict_is_about_the_target_before_its_backend(data, capsys):
    words = [str(data / "net.onnx"), "--target", "jetson-nano", "--precision", "int8", "--strict"]
    assert cli.run(words) == 2
    assert "may not be given int8" in capsys.readouterr().err


def test_an_array_is_samples_and_a_function_a_metric(data):
    inputs = np.load(data / "calibration.npz")["x"]
    with np.load(data / "evaluation.npz") as held:
        pairs = list(zip(held["x"], held["labels"], strict=True))
    report = mcompile.build(
        data / "net.onnx", target="cpu-server", precision="int8", calibration=inputs,
        evaluation=pairs, metric=lambda outputs, label: float(outputs["y"].argmax() == label[0]),
        out=str(data / "out"), **KEYS,
    )  # fmt: skip
    accuracy = report.variants[0].find("accuracy")
    assert accuracy is not None
    assert accuracy.value > 0.5


def test_free_dimensions_are_counted_at_the_size_that_was_run(tmp_path):
    program = net("y = MatMul(x, w)", {"w": weight(4, 3)}, "(float[n,4] x) => (float[n,3] y)")
    assert cli.run([*saved(tmp_path, program), "-q"]) == 0
    rows = report_of(tmp_path, "odd-cpu-server-fp32")["variants"][0]["measured"]
    assert {m["name"]: m["value"] for m in rows}["macs_g"] == pytest.approx(12e-9)


def test_labels_that_are_text_are_refused(data, capsys):
    with np.load(data / "evaluation.npz") as held:
        np.savez(data / "text.npz", x=held["x"], labels=np.array(["a"] * len(held["x"])))
    words = [str(data / "net.onnx"), "--target", "cpu-server", *QUICK]
    assert cli.run([*words, "--evaluation", str(data / "text.npz")]) == 4
    assert "not numbers" in capsys.readouterr().err


def test_the_names_of_the_classes_reach_the_manifest(data):
    (data / "classes.txt").write_text("cat\ndog\n")
    (data / "net.toml").write_text('labels = "classes.txt"\n')
    words = [str(data / "net.onnx"), "--target", "cpu-server", *QUICK, "-q"]
    assert cli.run([*words, "-o", str(data / "out")]) == 0
    manifest = json.loads((data / "out" / "net-cpu-server-fp32" / "artifact.json").read_text())
    assert manifest["labels"] == ["cat", "dog"]
