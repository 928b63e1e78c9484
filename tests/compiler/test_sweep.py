from __future__ import annotations

import numpy as np

from mcompile.graph import parse
from mcompile.sweep import drop_unread, sources, sweep

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'


def test_sources_are_told_once_and_constants_have_none():
    program = parse(
        HEAD + "g (float[2] x) => (float[2] y) { a = Neg(x) b = Mul(a, a) y = Add(b, w) }",
        {"w": np.ones(2, np.float32)},
    )
    first, second, third = program.graph.graph
    assert [sources(n) for n in (first, second, third)] == [[], [first], [second]]


def test_sweeping_starts_only_where_it_is_told_and_goes_up():
    program = parse(
        HEAD + "g (float[2] x) => (float[2] y) { a = Neg(x) b = Abs(a) c = Sin(x) y = Cos(x) }"
    )
    body = program.graph.graph
    sweep([body[1], body[3]])
    assert [n.op_type for n in body] == ["Sin", "Cos"]


def test_constants_of_branches_are_dropped_too():
    program = parse(
        HEAD
        + """g (float[2] x, bool c) => (float[2] y) {
            y = If (c) <
                then_branch = t () => (float[2] p) <float[2] u = {1, 2}> { p = Abs(x) },
                else_branch = e () => (float[2] q) <float[2] v = {1, 2}> { q = Add(x, v) }
            >
        }"""
    )
    drop_unread(program.graph.graph)
    branches = [a.as_graph() for a in program.graph.graph[0].attributes.values()]
    assert [list(b.initializers) for b in branches] == [[], ["v"]]
