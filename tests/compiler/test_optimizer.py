"""The middle end as a whole; its phases and rules have tests of their own."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile import graph, opsets, optimizer, rules
from mcompile.optimizer import at_usable_opset, optimize


def old():
    return graph.parse(
        '<ir_version: 7, opset_import: ["": 9]> n (float[1,1,2,2] x) => (float y)'
        ' { y = Upsample <mode = "linear"> (x, s) }',
        {"s": np.array([1, 1, 2, 2], np.float32)},
    )


def test_an_old_program_is_raised_where_it_stays_equal():
    higher, log = at_usable_opset(old(), (), 0)
    assert (graph.opset(higher), log.undone) == (13, ())


def test_a_converter_that_changes_the_numbers_is_not_believed(monkeypatch):
    def wrong(source):
        made = opsets.raised(source)
        for node in made.graph.graph:
            if node.op_type == "Resize":
                node.attributes["coordinate_transformation_mode"].value  # noqa: B018  it is there
                del node.attributes["coordinate_transformation_mode"]
        return made

    monkeypatch.setattr(optimizer, "raised", wrong)
    given = old()
    kept, log = at_usable_opset(given, (), 0)
    assert kept is given
    assert [u.rule for u in log.undone] == ["raise_opset"]


def test_what_was_done_and_to_what_is_told():
    program = graph.parse(
        '<ir_version: 8, opset_import: ["": 17]> n (float[2] x) => (float[2] y)'
        " { a = Identity(x) \n y = Relu(a) }"
    )
    better, log = optimize(program)
    assert [n.op_type for n in better.graph.graph] == ["Relu"]
    assert [a.rule for a in log.applied] == ["drop_identity"]
    assert len(program.graph.graph) == 2


class Halving(rules.Rule):
    """x * 0.5 becomes x / 2, for the sake of one runtime."""

    name = "halving"
    root = "Mul"
    phase = rules.Phase.FUSE
    pays_on = frozenset({"litert"})

    def match(self, node):
        return node

    def rewrite(self, found):
        two = graph.constant(graph.owner(found), "two", np.float32(2))
        made = ir.node("Div", [found.inputs[0], two], name=found.name)
        graph.owner(found).insert_before(found, made)
        graph.replace(found.outputs[0], made.outputs[0])


def test_a_rule_that_pays_on_some_runtimes_runs_for_those_alone(monkeypatch):
    monkeypatch.setattr(optimizer.registry, "rules", lambda: (Halving(),))
    program = graph.parse(
        '<ir_version: 8, opset_import: ["": 17]> n (float[2] x) => (float[2] y) { y = Mul(x, h) }',
        {"h": np.float32(0.5)},
    )
    for runtime, op in (("litert", "Div"), ("onnxruntime", "Mul")):
        better, _ = optimize(program, runtime=runtime)
        assert [n.op_type for n in better.graph.graph] == [op]
