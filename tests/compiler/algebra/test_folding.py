from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph, registry
from mcompile.algebra import folding
from mcompile.invariants import invariants
from mcompile.oracle import Oracle
from mcompile.reference import random_feeds
from mcompile.rules import Phase, run

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'


def weights(*shape, seed=1):
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape).astype(np.float32)


GIVEN = {
    "half": np.float32(0.5),
    "each": weights(3, 1, 1),
    "gamma": weights(3, seed=2),
    "beta": weights(3, seed=3),
    "b": weights(3, seed=8),
    "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
    "flat": np.array([1, 3, -1]),
    "back": np.array([1, 3, 4, 4]),
} | {
    name: (weights(*shape, seed=k) - 1)
    for k, (name, shape) in enumerate(
        {"w1": (3, 3, 1, 1), "u1": (3, 3, 1, 1), "w3": (3, 3, 3, 3), "g3": (3, 1, 3, 3)}.items()
    )
}


def parse(text):
    program = graph.parse(HEAD + text, GIVEN)
    graph.infer_shapes(program)
    return program


def nodes(text):
    program = parse(f"g (float[1,3,4,4] x) => (y) {{ {text} }}")
    return program, {n.outputs[0].name: n for n in program.graph.graph}


def test_the_layer_before_is_preferred():
    _, found = nodes("c = Conv(x, w1) m = Mul(c, half) y = Conv(m, u1)")
    fold = folding.after(found["m"])
    assert isinstance(fold, folding.Fold)
    assert (fold.layer.node, fold.ahead) == (found["c"], False)
    assert folding.before(found["m"]) is None
    assert folding.awaited(found["c"].outputs[0])
    assert folding.pending(found["c"])
    assert not folding.pending(found["y"])


def test_the_layer_behind_takes_what_the_one_before_cannot():
    _, found = nodes("c = Conv(x, w1) m = Mul(c, half) k = Relu(c) d = Conv(m, u1) y = Add(d, k)")
    assert folding.after(found["m"]) == "c has other readers"
    fold = folding.before(found["m"])
    assert isinstance(fold, folding.Fold)
    assert (fold.layer.node, fold.ahead) == (found["d"], True)
    assert folding.pending(found["d"])


def test_what_stands_behind_a_layer_goes_first():
    _, found = nodes("m = Mul(x, half) c = Conv(m, w1) y = Mul(c, each)")
    assert folding.before(found["m"]) is None
    folding.apply(folding.after(found["y"]))
    assert isinstance(folding.before(found["m"]), folding.Fold)


def test_a_chain_of_factors_is_awaited_by_the_layer_at_its_start():
    _, found = nodes("c = Conv(x, w1) m = Mul(c, half) k = Add(m, each) y = Conv(k, u1)")
    assert folding.awaited(found["k"].outputs[0])
    assert folding.before(found["k"]) is None


PIECES = {
    "scale": "v{k} = Mul({x}, half)",
    "scales": "v{k} = Div({x}, each)",
    "shift": "v{k} = Sub({x}, each)",
    "norm": "v{k} = BatchNormalization({x}, gamma, beta, b, gamma)",
    "point": "i{k} = Identity(w1) v{k} = Conv({x}, i{k})",
    "biased": "i{k} = Identity(u1) v{k} = Conv({x}, i{k}, b)",
    "wide": "i{k} = Identity(w3) v{k} = Conv<pads = [1, 1, 1, 1]>({x}, i{k}, b)",
    "deep": "i{k} = Identity(g3) v{k} = Conv<group = 3, pads = [1, 1, 1, 1]>({x}, i{k})",
    "padded": "p{k} = Pad({x}, pads) i{k} = Identity(w3) v{k} = Conv(p{k}, i{k}, b)",
    "act": "v{k} = Relu({x})",
    "block": "i{k} = Identity(w3) j{k} = Identity(u1)"
    " a{k} = Conv<pads = [1, 1, 1, 1]>({x}, i{k}, b) c{k} = Conv({x}, j{k})"
    " s{k} = Add(a{k}, c{k}) v{k} = Add(s{k}, {x})",
    "residual": "i{k} = Identity(w1) a{k} = Conv({x}, i{k}) v{k} = Add(a{k}, {x})",
    "turned": "t{k} = Transpose<perm = [0, 2, 3, 1]>({x})"
    " v{k} = Transpose<perm = [0, 3, 1, 2]>(t{k})",
    "shaped": "r{k} = Reshape({x}, flat) v{k} = Reshape(r{k}, back)",
    "cast": "h{k} = Cast<to = 11>({x}) v{k} = Cast<to = 1>(h{k})",
}


@st.composite
def webs(draw):
    """A chain of layers, factors, norms and blocks, in any order."""
    lines, last = [], "x"
    for k in range(draw(st.integers(1, 8))):
        lines.append(PIECES[draw(st.sampled_from(sorted(PIECES)))].format(k=k, x=last))
        last = f"v{k}"
    return f"g (float[1,3,4,4] x) => (float[1,3,4,4] y) {{ {' '.join(lines)} y = Abs({last}) }}"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(webs())
def test_the_order_of_the_rules_that_fold_does_not_matter(text):
    source = parse(text)
    run(source, [r for r in registry.rules() if r.name == "drop_identity"])
    _apart(source)
    rules = [r for r in registry.rules() if r.phase is Phase.FOLD]
    forward, backward = graph.clone(source), graph.clone(source)
    run(forward, rules)
    run(backward, rules[::-1])
    invariants(forward)
    assert shape_of(forward) == shape_of(backward)
    for one, other in zip(constants(forward), constants(backward), strict=True):
        np.testing.assert_array_equal(one, other)
    feeds = random_feeds(source, 0)
    want, got = Oracle(source).run(feeds)["y"], Oracle(forward).run(feeds)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * float(np.abs(want).max() + 1))


def _apart(program):
    """Give each layer weights of its own, which the text form cannot write down."""
    for node in program.graph.graph:
        if node.op_type == "Conv":
            data = graph.array(node.inputs[1])
            node.replace_input_with(1, graph.constant(program.graph.graph, "own", data))


def shape_of(program):
    """The nodes with their attributes, and which node reads which."""
    order = {n: k for k, n in enumerate(program.graph.graph)}
    return [
        (
            n.op_type,
            sorted((k, str(a.value)) for k, a in n.attributes.items()),
            [order.get(v.producer(), -1) if v is not None else None for v in n.inputs],
        )
        for n in program.graph.graph
    ]


def constants(program):
    reads = (v for n in program.graph.graph for v in n.inputs)
    return [data for v in reads if (data := graph.array(v)) is not None]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_factor_that_leaves_nothing_of_the_weights_is_refused(dtype):
    tiny = np.finfo(dtype).tiny
    kind = {np.float16: "float16", np.float32: "float"}[dtype]
    program = graph.parse(
        HEAD + f"g ({kind}[2,3] x) => (y) {{ c = MatMul(x, w) y = Mul(c, s) }}",
        {"w": np.ones((3, 3), dtype), "s": dtype(tiny)},
    )
    last = list(program.graph.graph)[-1]
    assert folding.after(last) == "the scaled weights do not fit their type"
