from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fold_reshapes import FoldReshapes
from mcompile.rules import run


def shape(program, name):
    return list(graph.array(program.graph.graph.initializers[name]))


def test_of_two_reshapes_the_last_is_enough(parse, body, far):
    program = parse(
        "g (float[2,3,4] x) => (y) { a = Reshape(x, s) y = Reshape(a, t) }",
        s=np.array([6, 4]),
        t=np.array([4, 6]),
    )
    before = graph.clone(program)
    log = run(program, [FoldReshapes()])
    assert [(a.rule, a.node) for a in log.applied] == [("fold_reshapes", "y")]
    assert body(program) == ["y = Reshape(x, y_shape)"]
    assert shape(program, "y_shape") == [4, 6]
    assert far(before, program) == 0.0
    assert run(program, [FoldReshapes()]).applied == ()


def test_a_wrong_shape_would_be_seen(parse, far):
    text = "g (float[2,6] x) => (y) { a = Reshape(x, s) b = Reshape(a, t) y = ReduceSum(b, one) }"
    three, four = (
        {"s": np.array([12]), "t": np.array(t), "one": np.array([0])} for t in ([3, 4], [4, 3])
    )
    program, other = (
        parse(text, **three),
        parse(text.replace("ReduceSum(b, one)", "Abs(b)"), **four),
    )
    run(program, [FoldReshapes()])
    with pytest.raises(AssertionError):
        far(other, program)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("a = Flatten(x) b = Reshape(a, t)", [4, -1]),
        ("a = Unsqueeze(x, zero) b = Unsqueeze(a, zero)", [1, 1, 2, 3, 4]),
        ("a = Reshape(x, s) b = Flatten<axis = 0>(a)", [1, 24]),
        ("a = Unsqueeze(x, zero) b = Reshape(a, keep)", [1, 2, 12]),
        ("a = Flatten(x) b = Unsqueeze(a, last)", [2, 12, 1]),
    ],
)
def test_every_pair_of_them(parse, body, far, text, target):
    program = parse(
        f"g (float[2,3,4] x) => (y) {{ {text} y = Neg(b) }}",
        s=np.array([6, 4]),
        t=np.array([4, -1]),
        zero=np.array([0]),
        last=np.array([-1]),
        keep=np.array([0, 0, -1]),
    )
    before = graph.clone(program)
    assert len(run(program, [FoldReshapes()]).applied) == 1
    assert [line.split("(")[0] for line in body(program)] in (
        ["b = Reshape", "y = Neg"],
        ["b_1 = Reshape", "y = Neg"],
    )
    assert [list(graph.array(v)) for v in program.graph.graph.initializers.values()] == [target]
    assert far(before, program) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "a = Unsqueeze(x, zero) b = Squeeze(a, zero)",
        "a = Reshape(x, s) b = Reshape(a, back)",
        "a = Unsqueeze(n, zero) b = Squeeze(a, zero)",
    ],
)
def test_what_leads_back_vanishes(parse, body, far, text):
    program = parse(
        f"g (float[2,3,4] x, float[batch,5] n) => (y) {{ {text} y = Neg(b) z = Neg(n) }}",
        s=np.array([6, 4]),
        zero=np.array([0]),
        back=np.array([2, 3, 4]),
    )
    before = graph.clone(program)
    run(program, [FoldReshapes()])
    assert body(program)[0] in ("y = Neg(x)", "y = Neg(n)")
    assert far(before, program) == 0.0


def test_one_open_dimension_is_asked_for_as_the_rest(parse, body, far):
    program = parse(
        "g (float[batch,3,4] x) => (y) { a = Flatten(x) b = Unsqueeze(a, one) y = Neg(b) }",
        one=np.array([1]),
    )
    before = graph.clone(program)
    assert len(run(program, [FoldReshapes()]).applied) == 1
    values = program.graph.graph.initializers.values()
    assert [list(graph.array(v)) for v in values] == [[-1, 1, 12]]
    assert far(before, program) == 0.0


def test_an_output_that_leads_back_to_an_input_is_reshaped_once(parse, body, far):
    program = parse(
        "g (float[2,3] x) => (float[2,3] y) { a = Unsqueeze(x, zero) y = Squeeze(a, zero) }",
        zero=np.array([0]),
    )
    before = graph.clone(program)
    run(program, [FoldReshapes()])
    assert body(program) == ["y = Reshape(x, y_shape)"]
    assert far(before, program) == 0.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "a = Unsqueeze(n, zero) y = Unsqueeze(a, zero)",
            "y has several dimensions that are only known at run time",
        ),
        (
            "a = Flatten(x) y = Reshape(a, k)",
            "y has several dimensions that are only known at run time",
        ),
        (
            "a = Flatten(e) b = Unsqueeze(a, zero) y = Neg(b)",
            "b has no elements",
        ),
        ("a = Relu(x) y = Flatten(a)", None),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(
        f"g (float[2,3,4] x, float[p,q] n, int64[2] k, float[0,3] e) => (y) {{ {text} }}",
        zero=np.array([0]),
    )
    before = body(program)
    log = run(program, [FoldReshapes()])
    assert [s.reason for s in log.skipped] == ([reason] if reason else [])
    assert log.applied == ()
    assert body(program) == before


def test_the_first_may_have_other_readers_or_be_an_output(parse, body, far):
    program = parse(
        "g (float[2,3,4] x) => (a, y, z) { a = Flatten(x) y = Reshape(a, t) z = Neg(a) }",
        t=np.array([4, 6]),
    )
    before = graph.clone(program)
    run(program, [FoldReshapes()])
    assert body(program) == ["a = Flatten(x)", "y = Reshape(x, y_shape)", "z = Neg(a)"]
    assert far(before, program) == 0.0


OPS = {
    "flat": "Flatten<axis = 2>({x})",
    "front": "Unsqueeze({x}, zero)",
    "wide": "Reshape({x}, wide)",
    "tall": "Reshape({x}, tall)",
    "rest": "Reshape({x}, rest)",
}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(sorted(OPS)), min_size=2, max_size=5))
def test_any_chain_becomes_one_at_most(kinds):
    lines, last = [], "x"
    for k, kind in enumerate(kinds):
        lines.append(f"v{k} = {OPS[kind].format(x=last)}")
        last = f"v{k}"
    text = (
        f'<ir_version: 8, opset_import: ["" : 13]> g (float[2,3,4] x) => (y) {{ {" ".join(lines)}'
    )
    given_shapes = {
        "zero": np.array([0]),
        "wide": np.array([2, 12]),
        "tall": np.array([4, 2, 3]),
        "rest": np.array([0, -1]),
    }
    program = graph.parse(f"{text} y = Neg({last}) }}", given_shapes)
    graph.infer_shapes(program)
    before = graph.clone(program)
    run(program, [FoldReshapes()])
    assert [n.op_type for n in program.graph.graph][:-1] in (
        [],
        ["Reshape"],
    )
    x = {"x": np.arange(24, dtype=np.float32).reshape(2, 3, 4)}
    np.testing.assert_array_equal(Oracle(program).run(x)["y"], Oracle(before).run(x)["y"])
