from __future__ import annotations

import numpy as np

from mcompile import graph
from mcompile.algebra.permuted import form
from mcompile.algebra.relayout import Region, apply, readers, saved
from mcompile.invariants import invariants
from mcompile.oracle import Oracle
from mcompile.reference import random_feeds

HEAD = '<ir_version: 8, opset_import: ["" : 18]>'
BACK, FORTH = "Transpose<perm = [0, 3, 1, 2]>", "Transpose<perm = [0, 2, 3, 1]>"
ORDER = (0, 3, 1, 2)
TEXT = f"""g (float[2,3,4,5] x) => (y, b, z) {{
    a = {FORTH}(x) b = Add(a, k) c = {BACK}(b) d = Neg(b) e = Transpose<perm = [3, 2, 1, 0]>(d)
    y = Abs(e) z = Relu(c)
}}"""


def setting(*changed):
    weights = {"k": np.arange(3, dtype=np.float32)}
    program = graph.parse(HEAD + TEXT, weights)
    graph.infer_shapes(program)
    nodes = {n.outputs[0].name: n for n in program.graph.graph}
    return program, Region(ORDER, {nodes[n]: form(nodes[n], ORDER, 18) for n in changed})


def same(one, other):
    feeds = random_feeds(one, 0)
    want, got = Oracle(one).run(feeds), Oracle(other).run(feeds)
    return all(np.array_equal(want[n], got[n]) for n in want)


def count(program):
    return sum(n.op_type == "Transpose" for n in program.graph.graph)


def test_any_choice_of_ops_computes_the_same_and_saves_what_it_says():
    for changed in ((), ("b",), ("d",), ("b", "d")):
        program, region = setting(*changed)
        before = graph.clone(program)
        promised = saved(region)
        apply(region)
        invariants(program)
        assert count(before) - count(program) == promised
        assert same(before, program)


def test_names_and_shapes_follow_the_data():
    program, region = setting("b", "d")
    apply(region)
    made = {v.name: graph.dims(v) for n in program.graph.graph for v in n.outputs}
    assert made["b"] == (2, 4, 5, 3)
    assert made["d"] == (2, 3, 4, 5)
    assert made["b_transposed"] == (2, 3, 4, 5)
    assert [v.name for v in program.graph.graph.outputs] == ["y", "b", "z"]


def test_readers_are_told_apart():
    program, region = setting("b", "d")
    value = next(n.outputs[0] for n in program.graph.graph if n.op_type == "Add")
    seen = readers(value, region.forms, ORDER)
    assert [n.op_type for n in seen.inside] == ["Neg"]
    assert list(seen.orders.values()) == [ORDER]
    assert (seen.plain, seen.is_output, seen.outside) == ([], True, True)
