from __future__ import annotations

from functools import partial

import pytest

from mcompile import graph
from mcompile.algebra import regions
from mcompile.algebra.orders import order_of
from mcompile.algebra.permuted import form
from mcompile.algebra.regions import Search
from mcompile.algebra.relayout import Region, apply, saved

HEAD = '<ir_version: 8, opset_import: ["" : 18]>'
BACK, FORTH = "Transpose<perm = [0, 3, 1, 2]>", "Transpose<perm = [0, 2, 3, 1]>"


def parse(text, outputs="y"):
    program = graph.parse(f"{HEAD} g (float[2,3,4,5] x) => ({outputs}) {{ {text} }}")
    graph.infer_shapes(program)
    return program


def names(region):
    return sorted(n.outputs[0].name for n in region.forms)


def first(program):
    node = next(n for n in program.graph.graph if order_of(n))
    return next(Search(partial(form, opset=18)).near(node), None)


def test_a_transpose_is_seen_from_both_sides():
    program = parse(f"a = Relu(x) b = {FORTH}(a) c = Neg(b) y = Abs(b)")
    seeds = list(regions.seeds(program.graph.graph.node(1)))
    assert [(n.op_type, o) for n, o in seeds] == [
        ("Relu", (0, 2, 3, 1)),
        ("Neg", (0, 3, 1, 2)),
        ("Abs", (0, 3, 1, 2)),
    ]
    assert list(regions.seeds(program.graph.graph.node(0))) == []


@pytest.mark.parametrize(
    ("text", "chosen", "fewer"),
    [
        (f"a = {FORTH}(x) b = Relu(a) c = Neg(b) y = {BACK}(c)", ["b", "c"], 2),
        (f"a = {FORTH}(x) b = Relu(a) y = {BACK}(b) z = Neg(b) o = Softmax(z)", ["b"], 1),
        (f"a = {FORTH}(x) b = Relu(a) y = {BACK}(b) z = Tanh(b) o = {BACK}(z)", ["b", "z"], 3),
        (f"a = {FORTH}(x) b = Relu(a) c = Neg(b) d = Abs(b) y = {BACK}(b) o = Add(c, d)", ["b"], 1),
    ],
)
def test_the_fewest_ops_are_changed_that_leave_the_fewest_transposes(text, chosen, fewer):
    program = parse(text, "y, o" if "o =" in text else "y")
    found = first(program)
    assert names(found) == chosen
    assert saved(found) == fewer


def test_where_none_falls_away_nothing_is_planned():
    assert first(parse(f"a = {FORTH}(x) y = Relu(a)")) is None
    assert first(parse(f"a = {FORTH}(x) b = Softmax(a) y = {BACK}(b)")) is None


def test_favoured_ops_are_changed_for_as_many_transposes():
    program = parse(f"a = {FORTH}(x) b = Relu(a) y = Softmax(b)")
    search = Search(partial(form, opset=18), favoured="Relu")
    found = next(search.near(program.graph.graph.node(0)))
    assert names(found) == ["b"]
    assert saved(found) == 0


def test_only_so_many_ops_are_looked_at(monkeypatch):
    program = parse(f"a = {FORTH}(x) b = Relu(a) c = Neg(b) y = {BACK}(c)")
    monkeypatch.setattr(regions, "LARGEST", 1)
    assert first(program) is None


def test_a_region_is_looked_at_once_between_two_changes():
    program = parse(f"a = {FORTH}(x) b = Relu(a) c = Neg(b) y = Softmax(c)")
    asked = []

    def forms(node, order):
        asked.append(node.op_type)
        return form(node, order, 18)

    search, node = Search(forms), program.graph.graph.node(0)
    assert (next(search.near(node), None), next(search.near(node), None)) == (None, None)
    assert (asked.count("Relu"), asked.count("Neg")) == (1, 1)
    apply(Region((0, 3, 1, 2), {}))
    next(search.near(node), None)
    assert (asked.count("Relu"), asked.count("Neg")) == (2, 2)
