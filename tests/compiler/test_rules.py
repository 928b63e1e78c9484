from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph, registry
from mcompile.errors import Broken
from mcompile.invariants import invariants
from mcompile.oracle import Oracle
from mcompile.record import Applied, Skipped, Undone
from mcompile.reference import random_feeds
from mcompile.rules import ANY, Phase, Rule, Skip, by_phase, run

HEAD = '<ir_version: 8, opset_import: ["" : 17, "own" : 1]>'
CHAIN = HEAD + "g (float[2] x) => (float[2] y) { a = Neg(x) b = Neg(a) c = Abs(b) y = Neg(c) }"


def ops(program):
    return [n.op_type for n in program.graph.graph]


class Negated(Rule[ir.Node]):
    """Neg becomes Sin."""

    name = "negated"
    root = "Neg"
    phase = Phase.FUSE

    def match(self, node):
        return node

    def rewrite(self, found):
        new = ir.Node("", "Sin", found.inputs)
        graph.owner(found).insert_before(found, new)
        new.outputs[0].name = graph.fresh(graph.owner(found), "sin")
        graph.replace(found.outputs[0], new.outputs[0])


class Paired(Negated):
    """Neg(Neg(x)) becomes x."""

    name = "paired"

    def match(self, node):
        before = node.inputs[0].producer()
        if before is None or before.op_type != "Neg":
            return Skip("there is only one")
        return node

    def rewrite(self, found):
        graph.replace(found.outputs[0], found.inputs[0].producer().inputs[0])


class Endless(Negated):
    """Neg becomes Neg."""

    name = "endless"

    def rewrite(self, found):
        new = ir.Node("", "Neg", found.inputs)
        graph.owner(found).insert_before(found, new)
        graph.replace(found.outputs[0], new.outputs[0])


class Crashing(Negated):
    name = "crashing"

    def match(self, node):
        raise KeyError("axis" if node.inputs else "")


class HalfDone(Negated):
    name = "half_done"

    def rewrite(self, found):
        found.replace_input_with(0, None)
        raise KeyError("axis")


class Everywhere(Negated):
    """Sees every node, and changes none."""

    name = "everywhere"
    root = ANY

    def __init__(self):
        self.seen = []

    def match(self, node):
        self.seen.append(node.op_type)


class Custom(Everywhere):
    name = "custom"
    root = ("own::Thing", "Abs")


def test_a_rule_runs_to_a_fixed_point():
    program = graph.parse(CHAIN)
    log = run(program, [Negated()])
    assert ops(program) == ["Sin", "Sin", "Abs", "Sin"]
    assert log.applied == tuple(Applied("negated", n) for n in ("a", "b", "y"))
    assert [v.name for v in program.graph.graph.outputs] == ["y"]
    assert run(program, [Negated()]).applied == ()


def test_what_a_rewrite_leaves_unread_is_swept_and_skips_are_of_the_end():
    program = graph.parse(CHAIN)
    log = run(program, [Paired()])
    assert ops(program) == ["Abs", "Neg"]
    assert log.applied == (Applied("paired", "b"),)
    assert log.skipped == (Skipped("paired", "y", "there is only one"),)


def test_a_limit_stops_after_that_many():
    program = graph.parse(CHAIN)
    assert len(run(program, [Negated()], limit=2).applied) == 2
    assert ops(program) == ["Sin", "Sin", "Abs", "Neg"]
    assert run(program, [Negated()], limit=0).applied == ()


def test_the_first_rewrites_are_the_same_whatever_the_limit():
    def applied(limit):
        return run(graph.parse(CHAIN), [Paired(), Negated()], limit=limit).applied

    whole = applied(None)
    assert [applied(k) for k in range(len(whole))] == [whole[:k] for k in range(len(whole))]


def test_a_banned_pair_and_a_banned_rule_are_left_out():
    program = graph.parse(CHAIN)
    run(program, [Negated()], banned=frozenset({("negated", "b")}))
    assert ops(program) == ["Sin", "Neg", "Abs", "Sin"]
    program = graph.parse(CHAIN)
    assert run(program, [Negated()], banned=frozenset({("negated", "*")})).applied == ()


def test_a_rule_that_never_rests_is_stopped_and_named():
    with pytest.raises(Broken, match="endless never comes to rest") as caught:
        run(graph.parse(CHAIN), [Endless()])
    assert "--skip endless" in caught.value.fix


def test_a_crash_while_matching_is_named_and_the_others_go_on():
    program = graph.parse(CHAIN)
    log = run(program, [Crashing(), Paired()])
    assert log.undone[0] == Undone("crashing", "a", "KeyError: 'axis'")
    assert [u.node for u in log.undone] == ["a", "b", "y"]
    assert [a.rule for a in log.applied] == ["paired"]


def test_a_crash_while_rewriting_ends_the_run_and_is_named():
    log = run(graph.parse(CHAIN), [HalfDone()])
    assert (log.applied, log.undone) == ((), (Undone("half_done", "a", "KeyError: 'axis'"),))


def test_branches_are_walked():
    program = graph.parse(
        HEAD
        + """g (float[2] x, bool c) => (float[2] y) {
            y = If (c) <
                then_branch = t () => (float[2] p) { p = Neg(x) },
                else_branch = e () => (float[2] q) { r = Neg(x) s = Neg(r) q = Abs(s) }
            >
        }"""
    )
    log = run(program, [Paired()])
    assert [a.node for a in log.applied] == ["s"]
    log = run(program, [Negated()])
    assert [a.node for a in log.applied] == ["p"]
    invariants(program)


def test_other_domains_are_seen_only_when_they_are_named():
    text = HEAD + "g (float[2] x) => (float[2] y) { a = own.Thing(x) b = own.Abs(a) y = Abs(b) }"
    every, custom = Everywhere(), Custom()
    run(graph.parse(text), [every, custom])
    assert every.seen == ["Thing", "Abs", "Abs"]
    assert custom.seen == ["Thing", "Abs"]


def test_names_made_by_rules_never_meet_those_of_the_model():
    program = graph.parse(CHAIN.replace("c =", "sin =").replace("(c)", "(sin)"))
    run(program, [Negated()])
    names = [v.name for n in program.graph.graph for v in n.outputs]
    assert names == ["sin_1", "sin_2", "sin", "y"]


def test_the_rules_of_a_phase_come_together_and_phases_in_order():
    phases = [(phase, [r.name for r in rules]) for phase, rules in by_phase(registry.rules())]
    assert [phase for phase, _ in phases] == [*Phase]
    assert {"drop_identity", "fold_constants", "share_constants"} <= {*phases[0][1]}
    assert {"fold_batchnorm", "fold_affine"} <= {*phases[1][1]}
    assert {"fuse_gelu", "fuse_norm"} <= {*phases[2][1]}
    assert all(names == sorted(names) for _, names in phases)


def test_a_long_chain_is_walked_in_the_time_of_its_length():
    """20,000 no-ops, and as many dead nodes, end to end: any quadratic step would take minutes."""
    inner = [ir.Node("", "Identity", [ir.val("x", ir.DataType.FLOAT, [2])], name="n0")]
    for k in range(1, 10_000):
        inner.append(ir.Node("", "Identity", inner[-1].outputs, name=f"n{k}"))
    last = ir.Node("", "Abs", inner[-1].outputs)
    dead = [ir.Node("", "Exp", last.outputs)]
    for _ in range(10_000):
        dead.append(ir.Node("", "Exp", dead[-1].outputs))
    last.outputs[0].dtype, last.outputs[0].shape = ir.DataType.FLOAT, ir.Shape([2])
    body = ir.Graph(
        inner[0].inputs, last.outputs, nodes=[*inner, last, *dead], opset_imports={"": 17}
    )
    program = graph.program("chain", ir.Model(body, ir_version=8))
    log = run(program, [r for r in registry.rules() if r.phase is Phase.CLEAN])
    assert len(log.applied) == 10_001
    assert ops(program) == ["Abs"]


@st.composite
def webs(draw):
    """Small graphs of no-ops, constants and their like, convolutions and norms, in any order."""
    lines, last = [], "x"
    for k in range(draw(st.integers(1, 9))):
        kind = draw(st.sampled_from(sorted(PIECES)))
        lines.append(PIECES[kind].format(k=k, x=last))
        last = f"v{k}"
    size = f"float[{draw(st.sampled_from(['1', 'n']))},3,4,4]"
    return f"g ({size} x) => ({size} y) {{ {' '.join(lines)} y = Abs({last}) }}"


PIECES = {
    "identity": "v{k} = Identity({x})",
    "dead": "d{k} = Neg({x}) e{k} = Abs(d{k}) v{k} = Neg({x})",
    "shared": "v{k} = Add({x}, one)",
    "shared twin": "v{k} = Add({x}, uno)",
    "constant": "c{k} = Constant<value_float = 1.0>() v{k} = Mul({x}, c{k})",
    "web": "s{k} = Shape({x}) o{k} = CastLike(half, {x})"
    " e{k} = Expand(o{k}, s{k}) v{k} = Mul({x}, e{k})",
    "reshape": "r{k} = Shape({x}) v{k} = Reshape({x}, r{k})",
    "computed": "k{k} = Add(one, uno) v{k} = Sub({x}, k{k})",
    "norm": "c{k} = Conv({x}, w) v{k} = BatchNormalization(c{k}, one3, one3, w3, one3)",
    "dropout": "v{k} = Dropout({x})",
    "twins": "a{k} = Sigmoid({x}) b{k} = Sigmoid({x}) v{k} = Mul(a{k}, b{k})",
    "neutral": "v{k} = Div({x}, one)",
    "undone": "n{k} = Neg({x}) v{k} = Neg(n{k})",
    "settled": "n{k} = Relu({x}) v{k} = Relu(n{k})",
    "choice": "v{k} = Where(yes, {x}, one)",
    "like": "v{k} = CastLike({x}, uno)",
    "mask": "v{k}, m{k} = MaxPool<kernel_shape = [1, 1]>({x})",
    "target": "s{k} = Shape({x}) g{k} = Gather(s{k}, i0) t{k} = Concat<axis = 0>(g{k}, i3, last)"
    " r{k} = Reshape({x}, t{k}) v{k} = Reshape(r{k}, s{k})",
    "whole": "s{k} = Shape<start = 2, end = 3>({x}) v{k} = Slice({x}, i0, s{k}, i2)",
    "sizes": "s{k} = Shape({x}) g{k} = Gather(s{k}, i2) f{k} = CastLike(g{k}, {x})"
    " v{k} = Div({x}, f{k})",
}
WEIGHTS = {
    "one": np.ones(1, np.float32),
    "uno": np.ones(1, np.float32),
    "half": np.float16(0.5),
    "yes": np.array([True]),
    "last": np.array([-1]),
    **{f"i{k}": np.array([k]) for k in (0, 2, 3)},
    "one3": np.ones(3, np.float32),
    "w3": np.float32([0.5, -0.25, 1]),
    "w": np.random.default_rng(0).standard_normal((3, 3, 1, 1)).astype(np.float32),
}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(webs())
def test_the_order_of_rules_in_a_phase_does_not_matter(text):
    source = graph.parse(HEAD + text, WEIGHTS)
    forward, backward = graph.clone(source), graph.clone(source)
    for _, rules in by_phase(registry.rules()):
        for program, order in ((forward, rules), (backward, tuple(reversed(rules)))):
            graph.infer_shapes(program)
            run(program, order)
            invariants(program)
    assert canonical(forward) == canonical(backward)
    feeds = random_feeds(source, 0)
    want, got = Oracle(source).run(feeds)["y"], Oracle(forward).run(feeds)["y"]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * float(np.abs(want).max() + 1))


def canonical(program):
    """The graph as text, with each constant as its value.

    Of two equal constants, which name stays depends on whether one of them was still read when
    the other was seen; a constant's name is no part of what a graph says.
    """
    body = program.graph.graph
    constants = {v: repr(graph.array(v)) for v in body.initializers.values()}
    lines = sorted(constants.values())
    for node in body:
        read = [constants.get(v, v.name) if v else "" for v in node.inputs]
        lines.append(f"{[v.name for v in node.outputs]} = {node.op_type}{read} {node.attributes}")
    return "\n".join([*lines, *(str(v.name) for v in body.outputs)])


def test_a_rule_is_named_by_its_file_and_explained_by_its_docstring():
    for rule in registry.rules():
        path = Path(registry.passes.__path__[0]) / f"{rule.name}.py"
        assert rule.explain().splitlines()[0] in path.read_text()
