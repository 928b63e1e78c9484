"""From a rule that is wrong to the command that shows it, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from mcompile import cli, graph, registry
from mcompile.oracle import Oracle
from mcompile.rules import Phase, Rule

from .conftest import QUICK, write_data


class DropRelu(Rule[ir.Node]):
    """Wrong wherever a Relu is given anything below zero."""

    name = "drop_relu"
    root = "Relu"
    phase = Phase.FUSE

    def match(self, node):
        return None if node.outputs[0].is_graph_output() else node

    def rewrite(self, found):
        graph.replace(found.outputs[0], found.inputs[0])


class Crashing(DropRelu):
    name = "crashing"
    root = "Gemm"

    def match(self, node):
        raise KeyError(node.op_type)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with net.onnx and samples, and two rules too many."""
    write_data(tmp_path)
    real = registry.rules()
    monkeypatch.setattr(registry, "rules", lambda: (*real, DropRelu(), Crashing()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys, *words: str) -> str:
    assert cli.run([*words]) == 0
    return capsys.readouterr().out


def command(readme: Path) -> list[str]:
    line = next(x for x in readme.read_text().splitlines() if x.startswith("    mcompile "))
    return line.split()[1:]


def test_the_optimizer_writes_reproducers_beside_its_model(folder, capsys):
    out = told(capsys, "optimize", "net.onnx", "-o", "better.onnx")
    places = sorted(p.name for p in (folder / "better.reproduce").iterdir())
    assert [p.partition("-")[0] for p in places] == ["crashing", "drop_relu", "drop_relu"]
    for place in places:
        assert f"better.reproduce/{place}" in out
    assert onnx.load("better.onnx").graph.node[0].op_type == "Conv"


def test_the_command_in_each_shows_the_same_rule_again(folder, capsys, monkeypatch):
    told(capsys, "optimize", "net.onnx", "-o", "better.onnx")
    for place in sorted((folder / "better.reproduce").iterdir()):
        rule, _, node = place.name.partition("-")
        size = len(onnx.load(place / "before.onnx").graph.node)
        assert size <= 2, f"{place.name} has {size} nodes"
        monkeypatch.chdir(place)
        out = told(capsys, *command(place / "README.txt"))
        assert f"undone   {rule}  at {node}: " in out


def test_the_log_as_json_leads_to_the_folders(folder, capsys):
    document = json.loads(told(capsys, "optimize", "net.onnx", "-o", "b.onnx", "--json"))
    undone = document["rules"]["undone"]
    assert {u["rule"] for u in undone} == {"drop_relu", "crashing"}
    for each in undone:
        assert (folder / each["reproducer"] / "before.onnx").exists()


def test_what_an_earlier_run_left_is_replaced_and_what_is_foreign_stays(folder, capsys):
    told(capsys, "optimize", "net.onnx", "-o", "b.onnx")
    (folder / "b.reproduce" / "old").mkdir()
    (folder / "b.reproduce" / "old" / "before.onnx").touch()
    told(capsys, "optimize", "net.onnx", "-o", "b.onnx")
    assert not (folder / "b.reproduce" / "old").exists()
    told(
        capsys, "optimize", "net.onnx", "-o", "b.onnx", "--skip", "drop_relu", "--skip", "crashing"
    )
    assert not (folder / "b.reproduce").exists()
    (folder / "b.reproduce").mkdir()
    (folder / "b.reproduce" / "mine.txt").touch()
    assert cli.run(["optimize", "net.onnx", "-o", "b.onnx", "-q"]) == 2
    assert "b.onnx" in capsys.readouterr().err
    assert (folder / "b.reproduce" / "mine.txt").exists()


def test_a_run_without_mistakes_leaves_no_folder(tmp_path, monkeypatch, capsys):
    write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    told(capsys, "optimize", "net.onnx", "-o", "better.onnx")
    assert not (tmp_path / "better.reproduce").exists()


def test_a_build_holds_its_reproducers_and_the_report_leads_to_them(folder, capsys):
    out = told(capsys, "net.onnx", "--target", "cpu-server", *QUICK)
    assert "mcompile explain reproducer" in out
    made = folder / "out" / "net-cpu-server-fp32"
    undone = json.loads((made / "report.json").read_text())["rules"]["undone"]
    assert {u["rule"] for u in undone} == {"drop_relu", "crashing"}
    for each in undone:
        files = {p.name for p in (made / each["reproducer"]).iterdir()}
        assert {"before.onnx", "inputs.npz", "outputs.npz", "README.txt"} <= files
        assert ("after.onnx" in files) == (each["rule"] == "drop_relu")
        for page in ("report.html", "report.md"):
            words = (made / page).read_text().replace("<wbr>", "").replace("\\", "")
            assert each["reproducer"] in words
    assert cli.run(["check", str(made), "-q"]) == 0


def test_the_inputs_are_real_ones_where_there_are_any(folder):
    words = ["net.onnx", "--target", "cpu-server", "--evaluation", "evaluation.npz", "-q", *QUICK]
    assert cli.run(words) == 0
    place = next((folder / "out").glob("*/reproduce/drop_relu-*"))
    with np.load(place / "inputs.npz") as stored:
        [name] = stored.files
        got = stored[name]
    with np.load("evaluation.npz") as samples:
        first = {"x": samples["x"][:1]}
    want = Oracle(graph.load(folder / "net.onnx", "net"), [name]).run(first)[name]
    np.testing.assert_allclose(got[0], want, rtol=1e-4, atol=1e-5)


def test_real_inputs_of_a_model_card_are_tried_by_the_optimizer_too(folder, capsys):
    """A rule that is wrong on large inputs alone, which no seeded one is."""

    class Clipping(DropRelu):
        name = "clipping"
        root = "Abs"

        def rewrite(self, found):
            body = graph.owner(found)
            low, high = (graph.constant(body, n, np.float32(v)) for n, v in (("l", -50), ("h", 50)))
            made = ir.node("Clip", [found.inputs[0], low, high])
            body.insert_before(found, made)
            found.replace_input_with(0, made.outputs[0])

        def match(self, node):
            maker = node.inputs[0].producer()
            return None if maker is not None and maker.op_type == "Clip" else node

    text = (
        '<ir_version: 8, opset_import: ["" : 17]> g (float[1,4] x) => (float[1,4] y)'
        " { s = Abs(x) y = Sqrt(s) }"
    )
    graph.save(graph.parse(text), folder / "gate.onnx")
    real = registry.rules()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "rules", lambda: (*real, Clipping()))
        assert "undone" not in told(capsys, "optimize", "gate.onnx", "-o", "g.onnx")
        np.savez("far.npz", x=np.full((1, 4), -80, np.float32))
        (folder / "gate.toml").write_text('calibration = "far.npz"\n')
        assert "undone   clipping" in told(capsys, "optimize", "gate.onnx", "-o", "g.onnx")


def test_an_op_that_nothing_here_can_run_is_optimized_around(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (
        '<ir_version: 8, opset_import: ["" : 17, "my.lib" : 1]> g (float[2] x) => (float[2] y)'
        " { i = Identity(x) a = my.lib.Magic(i) n = Neg(a) y = Neg(n) }"
    )
    graph.save(graph.parse(text), tmp_path / "net.onnx")
    document = json.loads(told(capsys, "optimize", "net.onnx", "-o", "better.onnx", "--json"))
    assert [n.op_type for n in onnx.load("better.onnx").graph.node] == ["Magic"]
    assert document["rules"]["unproven"] == "nothing here can run my.lib.Magic"
    assert document["rules"]["undone"] == []
