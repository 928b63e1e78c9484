"""Names that nothing makes, that are made twice, and that go round in a circle."""

from __future__ import annotations

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.errors import SourceError
from mcompile.frontend import scopes

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
IF = (
    "g (bool c, float[2] x) => (float[2] y) { a = Neg(x) y = If (c) <"
    "then_branch = t () => (float[2] p) { %s },"
    "else_branch = e () => (float[2] q) { q = Abs(a) }> }"
)


def graph(text):
    return onnx.parser.parse_model(HEAD + text).graph


def refused(text, words):
    with pytest.raises(SourceError, match=words) as caught:
        scopes.check(graph(text), "m")
    return caught.value


def test_a_sound_graph_passes():
    scopes.check(graph("g (float[2] x) => (float[2] y) { a = Neg(x) y = Add(a, x) }"), "m")
    scopes.check(graph(IF % "p = Add(a, x)"), "m")


def test_a_name_that_nothing_makes_is_told_with_the_nearest():
    error = refused("g (float[2] input) => (float[2] y) { y = Neg(inptu) }", "it reads inptu")
    assert error.where == "m, node y (Neg)"
    assert "did it mean input?" in error.fix


def test_a_branch_may_read_what_is_around_it_and_no_more():
    error = refused(IF % "p = Neg(b)", "it reads b, which nothing makes")
    assert error.where == "m, node p (Neg)"
    refused(IF % "p = Neg(q)", "it reads q")


def test_a_name_is_made_once_and_not_again_in_a_branch():
    error = refused("g (float[2] x) => (float[2] y) { y = Neg(x) y = Abs(x) }", "y is made twice")
    assert "first by node y (Neg)" in error.what
    refused("g (float[2] x) => (float[2] y) { x = Neg(x) y = Abs(x) }", "first by an input")
    refused(IF % "a = Neg(x) p = Neg(a)", "a is made twice, first by a graph around it")


def test_a_cycle_is_told_node_by_node():
    error = refused(
        "g (float[2] x) => (float[2] y) { a = Add(x, c) b = Neg(a) c = Abs(b) y = Neg(c) }", "cycle"
    )
    assert error.what == "the graph has a cycle: a reads c reads b reads a"
    assert error.where == "m, node a (Add)"
    refused("g (float[2] x) => (float[2] y) { y = Add(x, y) }", "a cycle: y reads y")
    refused(IF % "p = Neg(y)", "a cycle: y reads y")


def test_a_long_cycle_is_cut_short():
    lines = " ".join(f"v{k} = Neg(v{(k + 1) % 99})" for k in range(99))
    error = refused(f"g (float[2] x) => (float[2] y) {{ {lines} y = Neg(v0) }}", "a cycle")
    assert error.what.endswith(" reads ...")
    assert len(error.what) < 100


def test_an_output_that_nothing_makes_is_told():
    assert "graph g" in refused("g (float[2] x) => (float[2] y) { a = Neg(x) }", "output y").where
    refused(IF % "k = Neg(x)", "nothing makes the output p")


def test_an_input_without_a_name_is_told():
    model = graph("g (float[2] x) => (float[2] y) { y = Neg(x) }")
    model.input.add()
    with pytest.raises(SourceError, match="an input has no name"):
        scopes.check(model, "m")


def test_a_weight_may_be_an_input_too_but_not_two_weights():
    model = graph("g (float[2] x) => (float[2] y) { y = Neg(x) }")
    model.initializer.add(name="x")
    scopes.check(model, "m")
    model.initializer.add(name="x")
    with pytest.raises(SourceError, match="x is made twice, first by an initializer"):
        scopes.check(model, "m")


def test_nodes_in_order_stay_in_their_order():
    model = graph("g (float[2] x) => (float[2] y) { b = Neg(x) a = Abs(x) y = Add(a, b) }")
    assert [n.output[0] for n in scopes.ordered(model)] == ["b", "a", "y"]


def test_what_a_branch_reads_comes_before_it():
    model = graph(IF % "p = Add(a, x)")
    model.node[0].name, model.node[1].name = "first", "second"
    nodes = list(model.node)
    del model.node[:]
    model.node.extend(reversed(nodes))
    assert [n.name for n in scopes.ordered(model)] == ["first", "second"]


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.data())
def test_any_order_of_nodes_is_put_right(data):
    count = data.draw(st.integers(2, 9))
    reads = [data.draw(st.integers(0, k)) for k in range(count)]
    lines = [f"v{k + 1} = Neg({f'v{r}' if r else 'x'})" for k, r in enumerate(reads)]
    text = " ".join(data.draw(st.permutations(lines)))
    model = graph(f"g (float[2] x) => (float[2] y) {{ {text} y = Abs(v{count}) }}")
    scopes.check(model, "m")
    made = {"x"}
    for node in scopes.ordered(model):
        assert {*node.input} <= made
        made |= {*node.output}
