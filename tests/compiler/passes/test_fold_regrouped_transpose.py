from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fold_regrouped_transpose import FoldRegroupedTranspose
from mcompile.rules import run

KEYS = "j = Reshape(a, three) t = Transpose<perm = [0,2,1]>(j) y = Reshape(t, four)"
SHAPES = {"three": np.array([6, 4, 5]), "four": np.array([2, 3, 5, 4])}


def keys(text=KEYS, size="2,3,4,5", head="(y)"):
    return f"g (float[{size}] x) => {head} {{ a = Neg(x) {text} }}"


def perm(program, name="y"):
    node = next(n for n in program.graph.graph if n.outputs[0].name == name)
    return list(node.attributes["perm"].as_ints())


def test_the_keys_of_attention_are_turned_once(parse, body, far):
    program = parse(keys(), **SHAPES)
    before = graph.clone(program)
    log = run(program, [FoldRegroupedTranspose()])
    assert [(a.rule, a.node) for a in log.applied] == [("fold_regrouped_transpose", "y")]
    assert body(program) == ["a = Neg(x)", "y = Transpose(a)"]
    assert perm(program) == [0, 1, 3, 2]
    assert far(before, program) == 0
    assert run(program, [FoldRegroupedTranspose()]).applied == ()


def test_another_order_would_be_seen(parse, far):
    program = parse(keys(size="2,3,4,4"), three=np.array([6, 4, 4]), four=np.array([2, 3, 4, 4]))
    before = graph.clone(program)
    run(program, [FoldRegroupedTranspose()])
    assert far(before, program) == 0
    node = list(program.graph.graph)[-1]
    node.attributes["perm"] = ir.AttrInt64s("perm", [0, 1, 2, 3])
    assert far(before, program) > 0.1


def test_free_sizes_are_followed(parse, far):
    shapes = {"three": np.array([6, -1, 5]), "four": np.array([2, 3, 5, -1])}
    program = parse(keys(size="2,3,n,5"), **shapes)
    middle = {v.name: v for n in program.graph.graph for v in n.outputs}
    middle["j"].shape = ir.Shape([6, "n", 5])
    middle["y"].shape = ir.Shape([2, 3, 5, "n"])
    before = graph.clone(program)
    assert len(run(program, [FoldRegroupedTranspose()]).applied) == 1
    assert far(before, program) == 0


@pytest.mark.parametrize("three", [[-1, 4, 5], [-1, 20]])
def test_a_joined_size_may_be_what_is_left_over(parse, three):
    text = KEYS if len(three) == 3 else KEYS.replace("[0,2,1]", "[1,0]")
    four = [-1, 3, 5, 4] if len(three) == 3 else [4, 5, -1, 3]
    program = parse(keys(text, size="n,3,4,5"), three=np.array(three), four=np.array(four))
    end = next(v for n in program.graph.graph for v in n.outputs if v.name == "y")
    end.shape = ir.Shape(["n" if k == -1 else k for k in four])
    before = graph.clone(program)
    assert len(run(program, [FoldRegroupedTranspose()]).applied) == 1
    assert perm(program) == ([0, 1, 3, 2] if len(three) == 3 else [2, 3, 0, 1])
    x = {"x": np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)}
    np.testing.assert_array_equal(Oracle(before).run(x)["y"], Oracle(program).run(x)["y"])


def test_an_inner_value_keeps_its_name(parse, body):
    program = parse(keys(KEYS.replace("y =", "o =") + " y = Relu(o)"), **SHAPES)
    run(program, [FoldRegroupedTranspose()])
    assert body(program) == ["a = Neg(x)", "o = Transpose(a)", "y = Relu(o)"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (KEYS + " z = Relu(t)", "t has other readers"),
        (KEYS.replace("t =", "z =").replace("(t,", "(z,"), "z is an output"),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(keys(text, head="(y, z)"), **SHAPES)
    before = body(program)
    log = run(program, [FoldRegroupedTranspose()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("fold_regrouped_transpose", reason)]
    assert log.applied == ()
    assert body(program) == before


@pytest.mark.parametrize(
    "text",
    [
        KEYS.replace("(a, three)", "(a, other)"),
        KEYS.replace("(t, four)", "(t, swapped)"),
        KEYS.replace("<perm = [0,2,1]>", ""),
        KEYS.replace("Transpose<perm = [0,2,1]>(j)", "Relu(j)"),
        "o = Reshape(a, row) " + KEYS.replace("(a,", "(o,"),
        KEYS.replace("y =", "o =") + " y = Reshape(o, row)",
    ],
)
def test_what_is_more_than_a_transpose_stays(parse, text):
    more = {"other": np.array([5, 4, 6]), "swapped": np.array([3, 2, 5, 4]), "row": np.array([-1])}
    log = run(parse(keys(text), **SHAPES, **more), [FoldRegroupedTranspose()])
    assert (log.applied, log.skipped) == ((), ())


def test_what_a_branch_takes_from_outside_stays(parse):
    program = parse(
        """g (float[2,3,4,5] x, bool c) => (y) {
            j = Reshape(x, three) t = Transpose<perm = [0,2,1]>(j)
            y = If (c) <
                then_branch = t1 () => (float[2,3,5,4] p) { p = Reshape(t, four) },
                else_branch = f1 () => (float[2,3,4,5] q) { q = Relu(x) }
            >
        }""",
        **SHAPES,
    )
    log = run(program, [FoldRegroupedTranspose()])
    assert [s.reason for s in log.skipped] == ["t is computed outside of this branch"]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=1, max_size=3),
    st.randoms(use_true_random=False),
)
def test_any_groups_compute_the_same_after(groups, random):
    order = random.sample(range(len(groups)), len(groups))
    joined = [int(np.prod(g)) for g in groups]
    parted = [d for k in order for d in groups[k]]
    shape = [d for g in groups for d in g]
    text = KEYS.replace("[0,2,1]", str(order).replace(" ", ""))
    head = '<ir_version: 8, opset_import: ["" : 17]>'
    known = {"three": np.array(joined), "four": np.array(parted)}
    program = graph.parse(head + keys(text, ",".join(map(str, shape))), known)
    graph.infer_shapes(program)
    before = graph.clone(program)
    run(program, [FoldRegroupedTranspose()])
    x = {"x": np.arange(np.prod(shape), dtype=np.float32).reshape(shape)}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    np.testing.assert_array_equal(got, want)
