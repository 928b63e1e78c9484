"""The mistakes of one build, from where they are noticed to the folders beside its report."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.record import Undone
from mcompile.reproduce import cases
from mcompile.reproduce.cases import Cases
from mcompile.reproduce.reproducer import Reproducer
from mcompile.verify import Mistake

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'


def reproducer(undone):
    program = graph.parse(HEAD + "g (float[2] x) => (float[2] y) { y = Neg(x) }")
    data = {"x": np.ones(2, np.float32)}
    return Reproducer(undone.rule, undone.node, undone.error, program, program, data, data, data)


@pytest.fixture
def kept(monkeypatch):
    monkeypatch.setattr(cases, "reduced", lambda m, _: reproducer(m.undone))
    return Cases(lambda *_: pytest.fail("it is not run here"))


def mistake(rule, node):
    return Mistake(Undone(rule, node, "it differs"), None, 0)


def test_each_mistake_has_a_folder_named_after_rule_and_node(kept, tmp_path):
    place = kept.keep(mistake("fold_x", "/layer.1/Conv"))
    assert place == "reproduce/fold_x-_layer.1_Conv"
    kept.write(tmp_path)
    assert (tmp_path / place / "before.onnx").exists()


def test_names_that_look_alike_have_folders_of_their_own(kept, tmp_path):
    places = [kept.keep(mistake("fold_x", node)) for node in ("a/b", "a:b", "../b")]
    assert len(set(places)) == 3
    kept.write(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"reproduce"}
    assert len(list((tmp_path / "reproduce").iterdir())) == 3


def test_a_rule_that_fails_everywhere_is_shown_three_times(kept):
    places = [kept.keep(mistake("fold_x", f"n{k}")) for k in range(5)]
    assert [bool(p) for p in places] == [True, True, True, False, False]
    assert kept.keep(mistake("fold_y", "n"))


def test_a_mistake_that_cannot_be_reduced_does_not_end_the_build(monkeypatch, tmp_path):
    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(cases, "reduced", fails)
    kept = Cases(lambda *_: None)
    assert kept.keep(mistake("fold_x", "n")) == ""
    kept.write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_is_cut(kept):
    assert len(kept.keep(mistake("fold_x", "n" * 999))) < 120
