"""What the commands on models and artifacts print, write and refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from mcompile import cli, commands, graph
from mcompile.errors import ContractError, TargetError, UsageError
from mcompile.talk import Talk

QUIET, JSON, LOUD = Talk(quiet=True), Talk(json=True), Talk(verbose=True)
FOLDABLE = """<ir_version: 9, opset_import: ["": 17]>
net (float[1,3,8,8] x) => (float[1,4,6,6] y) {
  c = Conv (x, w)
  i = Identity (c)
  y = BatchNormalization (i, s, b, m, v)
}"""


@pytest.fixture
def foldable(tmp_path) -> Path:
    """A convolution, an identity and a batch-norm: one node's worth of work."""
    rng = np.random.default_rng(0)
    weights = {k: rng.random(4).astype(np.float32) + 0.5 for k in "sbmv"}
    weights["w"] = rng.standard_normal((4, 3, 3, 3)).astype(np.float32)
    graph.save(graph.parse(FOLDABLE, weights), tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def run(path: Path) -> np.ndarray:
    feeds = {"x": np.random.default_rng(1).random((1, 3, 8, 8), np.float32)}
    return onnxruntime.InferenceSession(path).run(None, feeds)[0]


def test_optimize_writes_an_equal_and_smaller_model(foldable, capsys) -> None:
    out = foldable.parent / "deep" / "better.onnx"
    assert commands.optimize(Talk(), str(foldable), {}, str(out)) == 0
    told = capsys.readouterr().out
    assert "fold_batchnorm: 1" in told
    assert f"3 -> 1 nodes   {out}" in told
    assert [n.op_type for n in onnx.load(out).graph.node] == ["Conv"]
    np.testing.assert_allclose(run(out), run(foldable), rtol=1e-4, atol=1e-5)
    assert sorted(p.name for p in out.parent.iterdir()) == ["better.onnx"]


def test_optimize_tells_node_by_node_when_asked(foldable, capsys) -> None:
    commands.optimize(LOUD, str(foldable), {}, str(foldable.parent / "o.onnx"))
    assert "applied  fold_batchnorm  at " in capsys.readouterr().out


def test_optimize_gives_its_log_as_json(foldable, capsys) -> None:
    commands.optimize(JSON, str(foldable), {}, str(foldable.parent / "o.onnx"))
    document = json.loads(capsys.readouterr().out)
    assert (document["nodes_before"], document["nodes_after"]) == (3, 1)
    assert "fold_batchnorm" in {a["rule"] for a in document["rules"]["applied"]}


def test_optimize_leaves_out_what_it_is_told_to(foldable, capsys) -> None:
    out = foldable.parent / "o.onnx"
    commands.optimize(QUIET, str(foldable), {"skip": ("fold_batchnorm",)}, str(out))
    assert [n.op_type for n in onnx.load(out).graph.node] == ["Conv", "BatchNormalization"]
    assert capsys.readouterr().out == ""


def test_optimize_may_write_over_its_own_source(foldable) -> None:
    before = run(foldable)
    commands.optimize(QUIET, str(foldable), {}, str(foldable))
    np.testing.assert_allclose(run(foldable), before, rtol=1e-4, atol=1e-5)


def test_optimize_that_cannot_write_leaves_what_was_there(foldable, monkeypatch) -> None:
    out = foldable.parent / "o.onnx"
    out.write_text("mine")

    def full(program, path):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(graph, "save", full)
    with pytest.raises(UsageError, match="no space left on device") as caught:
        commands.optimize(QUIET, str(foldable), {}, str(out))
    assert caught.value.where == str(out)
    assert out.read_text() == "mine"
    assert sorted(p.name for p in out.parent.iterdir()) == ["net.onnx", "o.onnx"]


def test_optimize_does_not_replace_a_folder(foldable) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        commands.optimize(QUIET, str(foldable), {}, str(foldable.parent))


def test_inspect_prints_figures_ops_and_every_target(foldable, capsys) -> None:
    assert commands.inspect(Talk(), str(foldable), {}, False) == 0
    out = capsys.readouterr().out
    for words in ("net: 3 nodes, opset 17", "MACs", "Conv 1", "cpu-server "):
        assert words in out


def test_inspect_as_json_is_one_document(foldable, capsys) -> None:
    commands.inspect(JSON, str(foldable), {"target": "cpu-server"}, False)
    document = json.loads(capsys.readouterr().out)
    assert document["ops"] == {"Conv": 1, "Identity": 1, "BatchNormalization": 1}
    assert [o["target"] for o in document["outlook"]] == ["cpu-server"]


def test_inspect_writes_a_card_once(foldable, capsys) -> None:
    assert commands.inspect(JSON, str(foldable), {}, True) == 0
    card = foldable.with_suffix(".toml")
    out, err = capsys.readouterr()
    json.loads(out)
    assert f"wrote {card}" in err
    assert 'inputs = ["x=F32[1,3,8,8]"]' in card.read_text()
    card.write_text("# mine\n")
    with pytest.raises(UsageError, match="there is a model card already"):
        commands.inspect(QUIET, str(foldable), {}, True)
    assert card.read_text() == "# mine\n"


def test_a_model_that_is_no_file_has_no_place_for_a_card(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="a model card lies beside a model file"):
        commands.inspect(QUIET, "package.nets:make", {}, True)
    assert list(tmp_path.iterdir()) == []


def test_compare_shows_artifacts_side_by_side(built, tmp_path, capsys) -> None:
    other = shutil.copytree(built.folder, tmp_path / "other")
    report = json.loads((other / "report.json").read_text())
    report["model"] = "heavier"
    for measured in report["variants"][0]["measured"]:
        if measured["name"] in ("size_mb", "latency_p50_ms"):
            measured["value"] *= 2
    (other / "report.json").write_text(json.dumps(report))
    assert commands.compare(Talk(), [str(built.folder), str(other)]) == 0
    lines = capsys.readouterr().out.splitlines()
    starred = [x for x in lines if x.split()[:1] == ["*"] and "->" in x]
    assert [("net -> cpu-server" in x) for x in starred] == [True]
    assert any("heavier -> cpu-server" in x for x in lines)


def test_a_comparison_as_json_tells_the_front_too(built, capsys) -> None:
    assert commands.compare(JSON, [str(built.folder), str(built.folder)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["axes"] == ["size", "latency_p50", "accuracy"]
    assert set(document["ranked"]) <= {*document["axes"]}
    for row in document["artifacts"]:
        assert (row["model"], row["precision"], row["front"]) == ("net", "int8", True)
        assert row["measured"]["size"]["unit"] == "MB"


def test_compare_needs_two_artifacts(built, tmp_path) -> None:
    with pytest.raises(UsageError, match="one artifact cannot be compared"):
        commands.compare(Talk(), [str(built.folder)])
    with pytest.raises(ContractError, match="not an artifact"):
        commands.compare(Talk(), [str(built.folder), str(tmp_path)])


@pytest.mark.parametrize("text", ["{", "[]", "3", '"x"'])
def test_arguments_of_an_architecture_are_a_json_object(text, capsys) -> None:
    assert cli.run(["inspect", "m.pt", "--arch-args", text]) == 2
    assert "--arch-args" in capsys.readouterr().err


def test_optimize_needs_a_file_to_write(foldable) -> None:
    with pytest.raises(UsageError, match="a folder is no place for the model"):
        commands.optimize(QUIET, str(foldable), {}, ".")


def test_optimize_writes_another_operator_set(foldable, tmp_path) -> None:
    out = tmp_path / "newer.onnx"
    assert commands.optimize(QUIET, str(foldable), {}, str(out), opset=21) == 0
    assert onnx.load(out).opset_import[0].version == 21


def test_optimize_asks_for_a_runtime_that_is_known(foldable, tmp_path) -> None:
    with pytest.raises(TargetError, match="openvno is not a backend") as caught:
        commands.optimize(QUIET, str(foldable), {}, str(tmp_path / "o.onnx"), runtime="openvno")
    assert "openvino" in caught.value.fix
    found = commands.optimize(QUIET, str(foldable), {}, str(tmp_path / "o"), runtime="openvino")
    assert found == 0
