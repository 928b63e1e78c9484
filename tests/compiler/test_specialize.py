from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.errors import SourceError
from mcompile.oracle import Oracle
from mcompile.reference import random_feeds
from mcompile.specialize import specialized

HEAD = '<ir_version: 8, opset_import: ["" : 17]> '


def parse(text, **weights):
    program = graph.parse(HEAD + text, weights, "net")
    graph.infer_shapes(program)
    return program


def shapes(program):
    return {v.name: graph.dims(v) for n in program.graph.graph for v in n.outputs}


WEB = """g (float[N,C,4] x, float[N] z) => (float[N,R] y, float[K] k) {
    s = Shape<start = 0, end = 1>(x) t = Concat<axis = 0>(s, last)
    y = Reshape(x, t) k = Neg(z)
}"""


def test_every_place_of_a_name_is_bound():
    program = parse(WEB, last=np.array([-1]))
    found = specialized(program, {"N": 2, "C": 3})
    assert [p.shape for p in found.inputs] == [(2, 3, 4), (2,)]
    assert [p.shape for p in found.outputs] == [(2, 12), (2,)]
    assert all(isinstance(d, int) for s in shapes(found).values() for d in s)


def test_the_given_program_is_left_as_it_was():
    program = parse(WEB, last=np.array([-1]))
    before = str(program.graph.graph)
    specialized(program, {"N": 2})
    assert str(program.graph.graph) == before
    assert program.inputs[0].shape == ("N", "C", 4)


def test_other_names_stay_free():
    found = specialized(parse(WEB, last=np.array([-1])), {"N": 2})
    assert [p.shape for p in found.inputs] == [(2, "C", 4), (2,)]


def test_sizes_computed_from_a_name_are_computed_anew():
    program = parse("g (float[N,4] x) => (float[M,4] y) { y = Concat<axis = 0>(x, x) }")
    program.graph.graph.outputs[0].shape = graph.ir.Shape(["2*N", 4])
    assert specialized(program, {"N": 3}).outputs[0].shape == (6, 4)


def test_branches_follow():
    program = parse(
        """g (float[N,4] x, bool c) => (float[N,4] y) {
            y = If (c) <
                then_branch = t () => (float[N,4] p) { a = Exp(x) p = Neg(a) },
                else_branch = e () => (float[N,4] q) { q = Abs(x) }
            >
        }"""
    )
    found = specialized(program, {"N": 3})
    branch = found.graph.graph[0].attributes["then_branch"].as_graph()
    assert [graph.dims(v) for n in branch for v in n.outputs] == [(3, 4), (3, 4)]


@pytest.mark.parametrize(
    ("sizes", "what"),
    [
        ({"B": 2}, "no input has a free dimension B"),
        ({"N": 0}, "0 is not a size"),
        ({"N": 2, "M": 3}, "N = 2, M = 3 contradicts the graph"),
        ({"K": 5}, "K = 5 contradicts the graph"),
    ],
)
def test_what_cannot_be_is_refused(sizes, what):
    program = parse(
        """g (float[N,4] x, float[M,4] z, float[K] u) => (y, w) {
            y = Add(x, z) w = Reshape(u, to)
        }""",
        to=np.array([2, 3]),
    )
    with pytest.raises(SourceError) as raised:
        specialized(program, sizes)
    assert raised.value.what == what
    assert raised.value.where
    assert raised.value.fix


def test_the_node_that_contradicts_is_named():
    program = parse("g (float[K] u) => (y) { w = Reshape(u, to) y = Neg(w) }", to=np.array([2, 3]))
    with pytest.raises(SourceError) as raised:
        specialized(program, {"K": 5})
    assert raised.value.where == "net: w (Reshape) makes 2x3 of 5"


def test_a_model_of_fixed_sizes_says_so():
    with pytest.raises(SourceError, match="no input has") as raised:
        specialized(parse("g (float[2] x) => (float[2] y) { y = Neg(x) }"), {"N": 2})
    assert raised.value.fix == "all sizes of this model are fixed"


def test_a_model_that_never_loaded_is_not_blamed_on_the_sizes():
    program = parse("g (float[N] x) => (float[N] y) { y = Add(x, w) }", w=np.arange(2.0))
    with pytest.raises(SourceError, match="cannot load"):
        specialized(program, {"N": 2})


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(1, 4), st.integers(1, 4))
def test_it_computes_what_it_did(batch, channels):
    program = parse(WEB, last=np.array([-1]))
    found = specialized(program, {"N": batch, "C": channels})
    feeds = random_feeds(found, 0)
    want, got = Oracle(program).run(feeds), Oracle(found).run(feeds)
    assert {n: a.shape for n, a in got.items()} == {p.name: p.shape for p in found.outputs}
    assert all(np.array_equal(want[n], got[n]) for n in want)
