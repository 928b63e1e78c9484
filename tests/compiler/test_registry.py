from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from mcompile import graph, registry
from mcompile.backend import Backend
from mcompile.errors import BackendMissing, Broken, TargetError
from mcompile.rules import run

RULE = '''"""Neg(Neg(x)) becomes x."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from mcompile import graph
from mcompile.rules import Phase, Rule


@dataclass(frozen=True)
class Pair:
    outer: ir.Node
    inner: ir.Node


class DropPairs(Rule[Pair]):
    root = "Neg"
    phase = Phase.CLEAN

    def match(self, node: ir.Node) -> Pair | None:
        inner = node.inputs[0].producer()
        return Pair(node, inner) if inner is not None and inner.op_type == "Neg" else None

    def rewrite(self, found: Pair) -> None:
        graph.replace(found.outer.outputs[0], found.inner.inputs[0])
'''

BACKEND = '''"""A runtime of nobody."""

from mcompile.backend import Backend
{extra}

class Nobody(Backend):
    name = "{name}"
    title = "nobody's runtime"
    precisions = frozenset()
    scheme = None

    def lower(self, program, target, out):
        raise NotImplementedError

    def open(self, artifact, folder, threads=None):
        raise NotImplementedError
'''


def test_a_new_rule_costs_one_file_and_its_test(tmp_path):
    (tmp_path / "drop_pairs.py").write_text(RULE)
    rules = registry.rules(tmp_path)
    assert [r.name for r in rules][-1] == "drop_pairs"
    assert rules[-1].explain() == "Neg(Neg(x)) becomes x."
    program = graph.parse(
        '<ir_version: 8, opset_import: ["" : 17]>'
        "g (float[2] x) => (float[2] y) { a = Neg(x) b = Neg(a) y = Abs(b) }"
    )
    log = run(program, rules[-1:])
    assert [(a.rule, a.node) for a in log.applied] == [("drop_pairs", "b")]
    assert [n.op_type for n in program.graph.graph] == ["Abs"]


def test_rules_come_by_file_name_and_are_new_each_time():
    first, second = registry.rules(), registry.rules()
    names = [r.name for r in first]
    assert names == sorted(names)
    assert names == [r.name for r in second]
    assert first[0] is not second[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "drop_pairs holds 0 classes derived from Rule in place of one"),
        (RULE + "\n\nclass Second(DropPairs):\n    pass\n", "drop_pairs holds 2 classes"),
        (RULE.replace("DropPairs", "Pairs"), "drop_pairs holds Pairs"),
    ],
)
def test_a_file_holds_one_rule_of_its_name(tmp_path, text, message):
    (tmp_path / "drop_pairs.py").write_text(text)
    with pytest.raises(Broken, match=message) as caught:
        registry.rules(tmp_path)
    assert "drop_pairs.py" in caught.value.where


def test_a_private_file_is_no_rule(tmp_path):
    (tmp_path / "_notes.py").write_text("")
    assert len(registry.rules(tmp_path)) == len(registry.rules())


def test_two_folders_may_hold_a_file_of_one_name(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "drop_pairs.py").write_text(RULE)
    one, two = registry.rules(tmp_path / "one", tmp_path / "two")[-2:]
    assert type(one) is not type(two)


def test_a_backend_is_found_by_the_name_of_its_file():
    found = registry.backend("onnxruntime")
    assert isinstance(found, Backend)
    assert found.name == "onnxruntime"


def test_a_backend_from_a_folder(tmp_path):
    (tmp_path / "nobody.py").write_text(BACKEND.format(name="nobody", extra=""))
    assert registry.backend("nobody", tmp_path).title == "nobody's runtime"
    package = tmp_path / "packed" / "nobody"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(BACKEND.format(name="nobody", extra=""))
    assert registry.backend("nobody", tmp_path / "packed").name == "nobody"


def test_a_runtime_that_is_not_installed_names_the_command(tmp_path):
    text = BACKEND.format(name="nobody", extra="import a_runtime_that_nobody_has")
    (tmp_path / "nobody.py").write_text(text)
    with pytest.raises(BackendMissing, match="a_runtime_that_nobody_has") as caught:
        registry.backend("nobody", tmp_path)
    assert caught.value.fix == "pip install 'mcompile[nobody]'"
    assert isinstance(caught.value.__cause__, ImportError)


def test_a_backend_of_another_name_is_broken(tmp_path):
    (tmp_path / "nobody.py").write_text(BACKEND.format(name="somebody", extra=""))
    with pytest.raises(Broken, match="calls itself somebody"):
        registry.backend("nobody", tmp_path)


@pytest.mark.parametrize("name", registry.PLANNED)
def test_a_runtime_of_a_later_version_is_missing_rather_than_unknown(name, monkeypatch):
    monkeypatch.setattr(registry, "_files", lambda _paths: [])
    with pytest.raises(BackendMissing, match=f"this version has no {name} backend"):
        registry.backend(name)


def test_an_unknown_backend_names_the_nearest():
    with pytest.raises(TargetError, match="onnxrutime is not a backend") as caught:
        registry.backend("onnxrutime")
    assert caught.value.fix == "onnxruntime"
    with pytest.raises(TargetError) as caught:
        registry.backend("zzz")
    assert "onnxruntime" in caught.value.fix


def test_all_backends_are_listed_with_what_is_missing(tmp_path):
    text = BACKEND.format(name="nobody", extra="import a_runtime_that_nobody_has")
    (tmp_path / "nobody.py").write_text(text)
    found = registry.backends(tmp_path)
    assert isinstance(found["onnxruntime"], Backend)
    assert isinstance(found["nobody"], BackendMissing)
    assert set(registry.PLANNED) <= set(found)
    assert list(found) == sorted(found)


def test_a_backend_of_another_package_is_found_by_its_entry_point(tmp_path, monkeypatch):
    (tmp_path / "elsewhere_nobody.py").write_text(
        BACKEND.format(name="elsewhere_nobody", extra="").replace("Nobody", "ElsewhereNobody")
    )
    info = tmp_path / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[mcompile.backends]\nelsewhere_nobody = elsewhere_nobody\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert registry.backend("elsewhere_nobody").name == "elsewhere_nobody"
    sys.modules.pop("elsewhere_nobody")


def test_rules_of_a_folder_compute_with_those_that_came_along(tmp_path):
    (tmp_path / "drop_pairs.py").write_text(RULE)
    program = graph.parse(
        '<ir_version: 8, opset_import: ["" : 17]>'
        "g (float[2] x) => (float[2] y) { a = Neg(x) i = Identity(a) b = Neg(i) y = Add(b, w) }",
        {"w": np.ones(2, np.float32)},
    )
    run(program, registry.rules(tmp_path))
    assert [n.op_type for n in program.graph.graph] == ["Add"]


def test_the_rule_in_the_documentation_works_and_its_table_is_whole(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    (tmp_path / "drop_negations.py").write_text(code)
    program = graph.parse(
        '<ir_version: 8, opset_import: ["" : 17]>'
        "g (float[2] x) => (float[2] y) { a = Neg(x) b = Neg(a) c = Neg(b) y = Neg(c) }"
    )
    log = run(program, [r for r in registry.rules(tmp_path) if r.name == "drop_negations"])
    assert [a.rule for a in log.applied] == ["drop_negations"]
    assert [s.reason for s in log.skipped] == ["it joins the input x to the output y"]
    listed = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert sorted(listed) == [r.name for r in registry.rules()]
