"""The fewest nodes on which a rule makes its mistake again."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph, rules
from mcompile.oracle import Oracle
from mcompile.record import Applied, Log
from mcompile.reference import Reference, reference
from mcompile.reproduce.reduction import reduced
from mcompile.rules import Phase, Rule, Skip
from mcompile.verify import checked, fault

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'


class DropAbs(Rule[ir.Node]):
    """Wrong wherever anything is negative; and it does not touch an output."""

    name = "drop_abs"
    root = "Abs"
    phase = Phase.CLEAN

    def match(self, node):
        return Skip("output") if node.outputs[0].is_graph_output() else node

    def rewrite(self, found):
        graph.replace(found.outputs[0], found.inputs[0])


class DropIdentity(DropAbs):
    """Right."""

    name = "drop_identity"
    root = "Identity"


class Deep(DropAbs):
    """Needs to see three nodes: Neg(Exp(Abs(x))) loses its Abs."""

    name = "deep"
    root = "Neg"

    def match(self, node):
        exp = node.inputs[0].producer()
        made = exp.inputs[0].producer() if exp is not None and exp.op_type == "Exp" else None
        return made if made is not None and made.op_type == "Abs" else None


class Crashing(DropAbs):
    name = "crashing"

    def rewrite(self, found):
        found.replace_input_with(0, None)
        raise KeyError("axis")


class Blind(Crashing):
    """Crashes while it looks."""

    name = "blind"

    def match(self, node):
        raise IndexError(node.op_type)


class Drifting(DropAbs):
    """Each rewrite moves a factor by less than is noticed."""

    name = "drifting"
    root = "Mul"

    def match(self, node):
        factor = graph.array(node.inputs[1])
        return node if factor is not None and factor == 1 else None

    def rewrite(self, found):
        body = graph.owner(found)
        found.replace_input_with(1, graph.constant(body, "f", np.float32(1 + 6e-5)))


def long(length=30, wrong="b = Abs(t) d = Sin(b)"):
    """A row of nodes that nothing is wrong with, and a few amid it."""
    half = length // 2
    first = " ".join(f"p{k} = Neg({f'p{k - 1}' if k else 'x'})" for k in range(half))
    last = " ".join(f"q{k} = Neg({f'q{k - 1}' if k else 'd'})" for k in range(half))
    text = f"g (float[4] x) => (float[4] y) {{ {first} t = Neg(p{half - 1}) {wrong} {last}"
    program = graph.parse(HEAD + text + f" y = Neg(q{half - 1}) }}")
    graph.infer_shapes(program)
    return program


def without(program, skip, feeds):
    """Stands for an optimizer that never makes the mistake."""
    return program, Log()


def mistakes(program, *chosen, held=None):
    found = []

    def keep(mistake):
        found.append(mistake)
        return "kept"

    def apply(work, limit, banned):
        return rules.run(work, chosen, limit=limit, banned=banned)

    _, log = checked(program, apply, held or reference(program), keep=keep)
    assert [u.reproducer for u in log.undone] == ["kept"] * len(found)
    return found


def ops(program):
    return [n.op_type for n in program.graph.graph]


def test_a_mistake_is_shown_by_the_node_and_what_keeps_it_from_being_an_output():
    [mistake] = mistakes(long(), DropAbs())
    made = reduced(mistake, without)
    assert (made.rule, made.node, made.whole) == ("drop_abs", "b", 34)
    assert (ops(made.before), ops(made.after)) == (["Abs", "Sin"], ["Sin"])
    assert "is off by" in made.error


def test_the_inputs_are_what_the_nodes_were_really_given():
    program = long()
    [mistake] = mistakes(program, DropAbs())
    made = reduced(mistake, without)
    feeds = mistake.attempt.held.feeds[0]
    np.testing.assert_array_equal(made.inputs["t"], Oracle(program, ["t"]).run(feeds)["t"])
    want, got = made.expected["d"], made.got["d"]
    np.testing.assert_allclose(want, np.sin(np.abs(made.inputs["t"])), rtol=1e-6)
    np.testing.assert_allclose(got, np.sin(made.inputs["t"]), rtol=1e-6)


def test_the_input_that_shows_it_is_chosen():
    program, calm = long(), {"x": np.full(4, 0.5, np.float32)}
    [mistake] = mistakes(program, DropAbs(), held=reference(program, [calm]))
    made = reduced(mistake, without)
    assert made.inputs["t"].min() < 0
    assert fault(made.after, Reference((made.inputs,), (made.expected,), (made.expected,)))


def test_a_rule_that_looks_far_is_given_what_it_looks_at():
    [mistake] = mistakes(long(20, "a = Abs(t) b = Exp(a) d = Neg(b)"), Deep())
    assert ops(reduced(mistake, without).before) == ["Abs", "Exp", "Neg"]


def test_rules_that_come_first_are_named_and_kept_out():
    program = long(12, "i = Identity(t) b = Abs(i) j = Identity(b) d = Sin(j)")
    [mistake] = mistakes(program, DropAbs(), DropIdentity())
    first = dataclasses.replace(mistake, step=0)
    made = reduced(first, without)
    assert "Abs" in ops(made.before)
    assert len(made.before.graph.graph) == 2
    assert made.skip in ((), ("drop_identity",))


@pytest.mark.parametrize(
    ("rule", "error"), [(Crashing(), "KeyError: 'axis'"), (Blind(), "IndexError: Abs")]
)
def test_a_crash_is_shown_without_a_program_after_it(rule, error):
    mistake = mistakes(long(), rule)[0]
    made = reduced(mistake, without)
    assert made.after is None
    assert made.error == error
    assert made.got == {}
    assert len(made.before.graph.graph) <= 2


def test_what_is_wrong_in_sum_alone_is_shown_by_the_whole_program():
    """No single rewrite is beyond the tolerance, so no part shows it."""
    lines = " ".join(f"m{k} = Mul({f'm{k - 1}' if k else 'x'}, one)" for k in range(6))
    text = HEAD + f"g (float[4] x) => (float[4] y) {{ {lines} y = Neg(m5) }}"
    program = graph.parse(text, {"one": np.float32(1)})
    mistake = mistakes(program, Drifting())[0]
    made = reduced(mistake, without)
    assert len(made.before.graph.graph) == made.whole == 7
    assert made.error == mistake.undone.error
    assert made.expected["y"].shape == made.got["y"].shape == (4,)
    assert not made.seen


def test_a_program_that_was_never_run_is_cut_all_the_same():
    class Shuffled(DropAbs):
        name = "shuffled"

        def match(self, node):
            return None if graph.owner(node)[0] is node else node

        def rewrite(self, found):
            body = graph.owner(found)
            body.remove(found)
            body.insert_before(body[0], found)

    program = long()
    [mistake] = mistakes(program, Shuffled(), held=Reference(unproven="it draws random numbers"))
    made = reduced(mistake, without)
    assert "before anything defines it" in made.error
    assert len(made.before.graph.graph) <= 3


def test_a_mistake_in_a_branch_is_shown_with_its_if():
    text = HEAD + (
        "g (bool q, float[4] x) => (float[4] y) { a = Sin(x) c = Neg(a) d = If (q) <"
        "then_branch = t () => (float[4] p) { b = Abs(c) p = Exp(b) },"
        "else_branch = e () => (float[4] r) { f = Abs(c) r = Exp(f) }> y = Neg(d) }"
    )
    mistake = mistakes(graph.parse(text), DropAbs())[0]
    made = reduced(mistake, without)
    assert ops(made.before) == ["If"]
    assert {p.name for p in made.before.inputs} == {"q", "c"}


def test_the_command_is_tried_and_rules_that_come_in_its_way_are_left_out():
    [mistake] = mistakes(long(), DropAbs())
    asked = []

    def run(program, skip, feeds):
        asked.append((skip, len(feeds)))
        if "fold_x" not in skip:
            return program, Log(applied=(Applied("fold_x", "n"),))
        return program, Log(undone=(mistake.undone,))

    made = reduced(mistake, run)
    assert asked == [((), 1), (("fold_x",), 1)]
    assert made.seen
    assert made.command.endswith("-v --skip fold_x")


def test_a_command_that_shows_nothing_is_not_promised():
    [mistake] = mistakes(long(), DropAbs())
    assert not reduced(mistake, without).seen
