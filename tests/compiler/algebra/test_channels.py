"""Channels are followed through joins, cuts and shuffles."""

from __future__ import annotations

import pytest

from mcompile import graph
from mcompile.algebra.channels import region, shuffle, size

HEAD = '<ir_version: 8, opset_import: ["" : 18]> '
TEXT = """g (float[1,3,2,2] x) => (float[1,3,2,2] y, float[1,3,2,2] z) {
    a = Relu(x) b = Neg(x) c = Concat<axis = 1>(a, b)
    v = Reshape(c, apart) t = Transpose<perm = PERM>(v) s = Reshape(t, back)
    p, q = Split<axis = 1, num_outputs = 2>(s) y = Tanh(p) z = Sigmoid(q)
}"""


def _parsed(perm="[0,2,1,3,4]", apart="1,2,3,2,2"):
    text = TEXT.replace("PERM", perm)
    text = text.replace("{\n", f"{{ apart = Constant<value_ints = [{apart}]>() "
                        "back = Constant<value_ints = [1,6,2,2]>()\n")  # fmt: skip
    program = graph.parse(HEAD + text)
    graph.infer_shapes(program)
    return program


def _named(program):
    return {v.name: v for v in graph.values(program.graph.graph)}


def _shuffle(program):
    node = _named(program)["t"].producer()
    assert node is not None
    return shuffle(node)


def test_each_channel_is_followed_to_what_made_it():
    program = _parsed()
    found = _shuffle(program)
    assert found is not None
    whole, named = region(found), _named(program)
    assert whole is not None
    told = {n: [(v.name, k) for v, k in whole.channels(named[n])] for n in ("c", "p", "q")}
    assert told == {
        "c": [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2)],
        "p": [("a", 0), ("b", 0), ("a", 1)],
        "q": [("b", 1), ("a", 2), ("b", 2)],
    }
    assert {v.name for v in whole.sources} == {"a", "b"}
    assert {v.name: [n.op_type for n in users] for v, users in whole.ends.items()} == {
        "p": ["Tanh"], "q": ["Sigmoid"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("perm", "apart"),
    [("[0,1,2,4,3]", "1,2,3,2,2"), ("[2,1,0,3,4]", "1,2,3,2,2"), ("[0,2,1,3,4]", "1,3,4,2,1")],
)
def test_other_transposes_shuffle_no_channels(perm, apart):
    assert _shuffle(_parsed(perm, apart)) is None


def test_a_number_of_channels_is_known_or_not():
    named = _named(_parsed())
    assert size(named["c"]) == 6
    free = graph.parse(HEAD + "g (float[1,n] x) => (float[1,n] y) { y = Relu(x) }")
    assert size(free.graph.graph.inputs[0]) is None
