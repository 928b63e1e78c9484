"""The middle end as a whole; its phases and rules have tests of their own."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph, optimizer, rules
from mcompile.errors import LoweringError
from mcompile.opsets import versions
from mcompile.optimizer import at_opset, optimize
from mcompile.oracle import Oracle
from mcompile.types import Program


def old():
    return graph.parse(
        '<ir_version: 7, opset_import: ["": 9]> n (float[1,1,2,2] x) => (float y)'
        ' { y = Upsample <mode = "linear"> (x, s) }',
        {"s": np.array([1, 1, 2, 2], np.float32)},
    )


def modern(body: str, opset: int = 18, ir_version: int = 8) -> Program:
    head = f'<ir_version: {ir_version}, opset_import: ["": {opset}]>'
    return graph.parse(f"{head} n (float[2,8] x) => (float[2,8] y) {{ {body} }}")


def test_an_old_program_is_raised_where_it_stays_equal():
    higher, log = at_opset(old(), (), 0)
    assert (graph.opset(higher), log.undone) == (13, ())


def spoilt(monkeypatch, op: str, attribute: str) -> None:
    """Let every conversion lose that attribute."""

    def wrong(source, version, newest_ir=None):
        made = versions.converted(source, version, newest_ir)
        (node,) = (n for n in made.graph.graph if n.op_type == op)
        del node.attributes[attribute]
        return made

    monkeypatch.setattr(optimizer, "converted", wrong)


def test_a_raise_that_changes_the_numbers_is_undone(monkeypatch):
    spoilt(monkeypatch, "Resize", "coordinate_transformation_mode")
    given = old()
    kept, log = at_opset(given, (), 0)
    assert kept is given
    assert [u.rule for u in log.undone] == ["raise_opset"]


def test_a_raise_that_cannot_be_made_is_told():
    given = graph.parse(
        '<ir_version: 7, opset_import: ["": 10]> n (float[2] x) => (float y)'
        " { a, m = Dropout (x) \n c = Cast <to = 1> (m) \n y = Mul(a, c) }"
    )
    kept, log = at_opset(given)
    assert kept is given
    assert [(s.rule, "mask is read" in s.reason) for s in log.skipped] == [("raise_opset", True)]


def test_a_program_that_a_target_cannot_read_is_lowered():
    given = modern("y = Mish(x)")
    lower, log = at_opset(given, cap=17)
    assert (graph.opset(lower), graph.opset(given)) == (17, 18)
    assert not log.undone


def test_a_lowering_that_changes_the_numbers_is_refused(monkeypatch):
    spoilt(monkeypatch, "ReduceMean", "axes")
    given = modern("k = Constant <value_ints = [1]> () \n a = ReduceMean(x, k) \n y = Sub(x, a)")
    with pytest.raises(LoweringError, match="in operator set 13 it could not be shown") as caught:
        at_opset(given, cap=13)
    assert caught.value.fix


def test_a_lowering_that_cannot_be_made_is_refused():
    given = modern("y = ReduceMax <noop_with_empty_axes = 1> (x)")
    with pytest.raises(LoweringError, match="ReduceMax"):
        at_opset(given, cap=13)


def test_a_program_within_the_limits_is_left_alone():
    given = modern("y = Neg(x)")
    for limits in ({}, {"cap": 18}, {"cap": 21}, {"cap": 21, "newest_ir": 8}):
        assert at_opset(given, **limits)[0] is given
    foreign = graph.parse(
        '<ir_version: 8, opset_import: ["own": 1]> n (float[2] x) => (float y) { y = own.A(x) }'
    )
    assert at_opset(foreign, cap=13)[0] is foreign


def test_the_file_format_is_capped_alone():
    given = modern("y = Neg(x)", 17, ir_version=10)
    for limits, version in (({"cap": 21}, 10), ({"cap": 17}, 8), ({"newest_ir": 9}, 9)):
        made, _ = at_opset(given, **limits)
        assert (graph.opset(made), made.graph.ir_version) == (17, version)


def test_the_format_is_capped_where_a_raise_cannot_be_made():
    given = graph.parse(
        '<ir_version: 9, opset_import: ["": 10]> n (float[2] x) => (float y)'
        " { a, m = Dropout (x) \n c = Cast <to = 1> (m) \n y = Mul(a, c) }"
    )
    made, log = at_opset(given, cap=13)
    assert (graph.opset(made), made.graph.ir_version, len(log.skipped)) == (10, 7, 1)


def test_a_program_is_raised_no_further_than_the_target_reads():
    higher, _ = at_opset(modern("y = Neg(x)", 13), cap=17, floor=21)
    assert graph.opset(higher) == 17


def test_functions_are_inlined_before_rules_look():
    program = graph.parse(
        '<ir_version: 8, opset_import: ["": 17, "own": 1]> n (float[2] x) => (float[2] y)'
        ' { y = own.F(x) } <domain: "own", opset_import: ["": 17]> F (a) => (c)'
        " { b = Identity(a) \n c = Relu(b) }"
    )
    better, _ = optimize(program)
    assert [n.op_type for n in better.graph.graph] == ["Relu"]
    assert program.graph.functions


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


def exported():
    """As torch writes it: axes and shapes are computed, and a 0 in a shape would mean 0."""
    return graph.parse(
        """<ir_version: 9, opset_import: ["": 18]> g (float[n,4,6] x) => (float[n,2,12] y) {
            k = Reshape(last, one) m = ReduceMean(x, k) c = Sub(x, m)
            s = Shape(x) b = Gather(s, zero) t = Concat<axis = 0>(b, two, twelve)
            y = Reshape<allowzero = 1>(c, t)
        }""",
        {"last": np.array(-1), "one": np.array([1]), "zero": np.array([0]),
         "two": np.array([2]), "twelve": np.array([12])},
    )  # fmt: skip


def test_an_older_operator_set_is_written_once_constants_are_known():
    lower = optimizer.written_in(exported(), 13)
    assert graph.opset(lower) == 13
    x = {"x": np.random.default_rng(0).standard_normal((3, 4, 6), np.float32)}
    want, got = Oracle(exported()).run(x)["y"], Oracle(lower).run(x)["y"]
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_the_same_operator_set_is_left_alone():
    given = exported()
    assert optimizer.written_in(given, 18) is given
    assert optimizer.written_in(given, None) is given


def test_a_float_program_is_spelled_for_its_runtime():
    given = graph.parse(
        """<ir_version: 9, opset_import: ["": 18]> g (float[n,4,6] x) => (float[n,4,5] y) {
            p = MatMul(x, w) y = Add(p, b)
        }""",
        {"w": np.ones((6, 5), np.float32), "b": np.ones(5, np.float32)},
    )
    assert optimizer.spelled(given, runtime="openvino")[0] is given
    better, log = optimizer.spelled(given, runtime="onnxruntime")
    assert [n.op_type for n in better.graph.graph] == ["Reshape", "Gemm", "Reshape"]
    assert {a.rule for a in log.applied} == {"fuse_gemm"}


def test_a_runtime_of_newer_ops_is_given_them():
    """The first operator set with Gelu, where it can be written; else that of scales by channel."""
    given = modern("y = Relu(x)")
    assert graph.opset(at_opset(given, floor=20)[0]) == 20
    assert graph.opset(at_opset(given, floor=20, cap=19)[0]) == 19
    assert at_opset(given, floor=13)[0] is given


def test_where_the_newest_cannot_be_written_an_older_one_is(monkeypatch):
    def only(source, version):
        if version > 13:
            raise LoweringError("not beyond 13", where="node n (X)", fix="")
        return versions.converted(source, version)

    monkeypatch.setattr(optimizer, "converted", only)
    made, log = at_opset(old(), floor=20)
    assert graph.opset(made) == 13
    assert [s.reason for s in log.skipped] == ["not beyond 13"]
