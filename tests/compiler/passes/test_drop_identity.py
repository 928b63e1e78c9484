from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.graph import clone
from mcompile.oracle import Oracle
from mcompile.passes.drop_identity import DropIdentity
from mcompile.record import Skipped
from mcompile.rules import run

PADS = np.zeros(4, np.int64)


@pytest.mark.parametrize(
    "op",
    [
        "Identity(x)",
        "Dropout(x)",
        "Dropout(x, ratio, no)",
        "Cast<to = 1>(x)",
        "CastLike(x, one)",
        "Transpose<perm = [0, 1]>(x)",
        "Reshape(x, shape)",
        "Reshape(x, copy)",
        "Pad(x, pads)",
        "Concat<axis = 1>(x)",
        "Sum(x)",
        "Max(x)",
    ],
)
def test_an_op_that_does_nothing_goes(parse, body, far, op):
    line = op.replace("(x", "(a")
    program = parse(
        f"g (float[2,3] x) => (float[2,3] y) {{ a = Neg(x) b = {line} y = Abs(b) }}",
        ratio=np.float32(0.5),
        no=np.array(False),
        one=np.float32(1),
        shape=np.array([2, -1]),
        copy=np.array([0, 3]),
        pads=PADS,
    )
    before = clone(program)
    log = run(program, [DropIdentity()])
    assert [a.rule for a in log.applied] == ["drop_identity"]
    assert body(program) == ["a = Neg(x)", "y = Abs(a)"]
    assert list(program.graph.graph.initializers) == []
    assert far(before, program) == 0.0
    assert run(program, [DropIdentity()]).applied == ()


@pytest.mark.parametrize(
    "op",
    [
        "Cast<to = 11>(a)",
        "Transpose<perm = [1, 0]>(a)",
        "Transpose(a)",
        "Reshape(a, shape)",
        "Pad(a, pads)",
        "Concat<axis = 0>(a, a)",
        "CastLike(a, one)",
    ],
)
def test_an_op_that_does_something_stays(parse, op):
    program = parse(
        f"g (float[2,3] x) => (y) {{ a = Neg(x) y = {op} }}",
        shape=np.array([3, 2]),
        pads=np.array([0, 0, 0, 1]),
        one=np.float64(1),
    )
    log = run(program, [DropIdentity()])
    assert (log.applied, log.skipped) == ((), ())


def test_a_graph_output_keeps_its_name(parse, body, far):
    program = parse(
        "g (float[2,3] x) => (float[2,3] y) { a = Neg(x) b = Abs(a) y = Identity(a) z = Abs(a) }"
    )
    before = clone(program)
    run(program, [DropIdentity()])
    assert body(program) == ["y = Neg(x)", "b = Abs(y)", "z = Abs(y)"]
    assert far(before, program) == 0.0


def test_a_chain_collapses_in_one_run(parse, body):
    program = parse(
        """g (float[2] x) => (float[2] y) {
            a = Identity(x) b = Identity(a) c = Identity(b) y = Abs(c)
        }"""
    )
    run(program, [DropIdentity()])
    assert body(program) == ["y = Abs(x)"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{ y = Identity(x) }", "it joins the input x to the output y"),
        ("{ y = Identity(w) }", "it joins the constant w to the output y"),
        ("{ a = Neg(x) y = Dropout(a, ratio, yes) }", "it is in training mode"),
        (
            "{ a = Neg(x) t = Cast<to = 9>(flag) y = Dropout(a, ratio, t) }",
            "whether it is in training mode is only known at run time",
        ),
        ("{ a = Neg(x) b, m = Dropout(a) f = Cast<to = 1>(m) y = Add(b, f) }", "its mask is read"),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(
        f"g (float[2] x, float flag) => (float[2] y) {text}",
        w=np.ones(2, np.float32),
        ratio=np.float32(0.5),
        yes=np.array(True),
    )
    before = body(program)
    log = run(program, [DropIdentity()])
    assert [(s.rule, s.reason) for s in log.skipped] == [("drop_identity", reason)]
    assert body(program) == before


def test_two_outputs_of_one_value_stay_two(parse, body):
    program = parse("g (float[2] x) => (float[2] y, float[2] z) { y = Neg(x) z = Identity(y) }")
    log = run(program, [DropIdentity()])
    assert log.skipped == (Skipped("drop_identity", "z", "z and y are both outputs"),)
    assert body(program) == ["y = Neg(x)", "z = Identity(y)"]


def test_a_branch_that_hands_over_an_outer_value_stays(parse):
    program = parse(
        """g (float[2] x, bool c) => (float[2] y) {
            a = Neg(x)
            y = If (c) <
                then_branch = t () => (float[2] p) { p = Identity(a) },
                else_branch = e () => (float[2] q) { r = Identity(a) q = Abs(r) }
            >
        }"""
    )
    log = run(program, [DropIdentity()])
    assert [a.node for a in log.applied] == ["r"]
    assert [s.reason for s in log.skipped] == [
        "p is an output of a branch, and a comes from outside of it"
    ]


def test_one_unknown_dimension_does_not_hide_that_a_reshape_does_nothing(parse, body, far):
    program = parse(
        "g (float[batch,3] x) => (float[batch,3] y) { a = Neg(x) b = Reshape(a, s) y = Abs(b) }",
        s=np.array([-1, 3]),
    )
    before = clone(program)
    run(program, [DropIdentity()])
    assert body(program) == ["a = Neg(x)", "y = Abs(a)"]
    assert far(before, program) == 0.0


def test_two_unknown_dimensions_might_be_swapped(parse):
    program = parse(
        "g (float[n,m] x, int64[2] s) => (float[p,q] y) { a = Neg(x) b = Reshape(a, s) y = Abs(b) }"
    )
    assert run(program, [DropIdentity()]).applied == ()


def test_a_dropout_of_the_first_opsets_trains_unless_told(parse):
    text = "g (float[2] x) => (float[2] y) { a = Neg(x) b = Dropout(a) y = Abs(b) }"
    log = run(parse(text, opset=6), [DropIdentity()])
    assert [s.reason for s in log.skipped] == ["it is in training mode"]
    tested = text.replace("Dropout(", "Dropout<is_test = 1>(")
    assert len(run(parse(tested, opset=6), [DropIdentity()]).applied) == 1


@pytest.mark.parametrize(
    "line",
    [
        "Flatten(a)",
        "Flatten<axis = -1>(a)",
        "Squeeze(a, none)",
        "Unsqueeze(a, none)",
        "Expand(a, size)",
        "Expand(a, three)",
        "s = Shape(a) b = Expand(a, s)",
        "Tile(a, once)",
        "Slice(a, zero, huge)",
        "Slice(a, zero, end, one)",
        "s = Shape<start = 0, end = 1>(a) b = Slice(a, zero, s, zero, one)",
        "Resize(a, , once_f)",
        'Resize<mode = "linear">(a, , once_f)',
        "s = Shape(a) b = Resize(a, , , s)",
        "Split<axis = 0>(a)",
    ],
)
def test_an_op_that_keeps_a_free_size_goes(parse, body, far, line):
    line = line if "b =" in line else f"b = {line}"
    program = parse(
        f"g (float[n,3] x) => (float[n,3] y) {{ a = Neg(x) {line} y = Abs(b) }}", **SIZES
    )
    before = clone(program)
    log = run(program, [DropIdentity()])
    assert [a.node for a in log.applied] == ["b"]
    assert body(program)[-1] == "y = Abs(a)"
    assert far(before, program) == 0.0
    assert run(program, [DropIdentity()]).applied == ()


@pytest.mark.parametrize(
    "line",
    [
        "Flatten<axis = 0>(a)",
        "Squeeze(a, zero)",
        "Unsqueeze(a, zero)",
        "Expand(a, rows)",
        "Expand(a, four)",
        "Tile(a, twice)",
        "Slice(a, one, huge)",
        "Slice(a, zero, one, one)",
        "Slice(a, back, least, one, back)",
        "Slice(a, zero, huge, one, two)",
        "s = Shape<start = 0, end = 1>(x) b = Slice(a, zero, s, zero, one)",
        "Slice(a, zero, k, one)",
        "Resize(a, , scaled)",
        "Resize(a, , , rows)",
        'Resize<coordinate_transformation_mode = "tf_crop_and_resize">(a, roi, once_f)',
        "Split<axis = 1, num_outputs = 2>(a)",
    ],
)
def test_an_op_that_may_change_a_size_or_an_order_stays(parse, line):
    line = line if "b =" in line else f"b = {line}"
    line = line.replace("b = Split", "b, c = Split")
    program = parse(
        "g (float[n,3] x, int64[1] k, float[?,3] z, int64[2] rows) => (y)"
        f" {{ a = Neg(z) {line} y = Abs(b) }}",
        opset=18,
        roi=np.float32([0, 0, 0.5, 0.5]),
        **SIZES,
    )
    log = run(program, [DropIdentity()])
    assert (log.applied, log.skipped) == ((), ())


SIZES = {
    "none": np.array([], np.int64),
    "size": np.array([1, 3]),
    "three": np.array([3]),
    "four": np.array([1, 1, 3]),
    "once": np.array([1, 1]),
    "twice": np.array([1, 2]),
    "once_f": np.ones(2, np.float32),
    "scaled": np.float32([1, 1.2]),
    "zero": np.array([0]),
    "one": np.array([1]),
    "two": np.array([2]),
    "back": np.array([-1]),
    "end": np.array([3]),
    "huge": np.array([2**31 - 1]),
    "least": np.array([-(2**63)]),
}


def test_a_slice_of_the_first_opsets_has_its_bounds_in_attributes(parse):
    text = "g (float[n,3] x) => (y) {{ a = Neg(x) b = Slice<{}>(a) y = Abs(b) }}"
    whole = parse(text.format("starts = [0], ends = [3], axes = [1]"), opset=9)
    assert len(run(whole, [DropIdentity()]).applied) == 1
    part = parse(text.format("starts = [0], ends = [2], axes = [1]"), opset=9)
    assert run(part, [DropIdentity()]).applied == ()


def test_blocks_of_one_change_nothing(parse, body, far):
    program = parse(
        """g (float[n,4,2,2] x) => (y) {
            a = Neg(x) b = DepthToSpace<blocksize = 1>(a) c = SpaceToDepth<blocksize = 1>(b)
            d = SpaceToDepth<blocksize = 2>(c) y = Abs(d)
        }"""
    )
    before = clone(program)
    run(program, [DropIdentity()])
    assert body(program) == ["a = Neg(x)", "d = SpaceToDepth(a)", "y = Abs(d)"]
    assert far(before, program) == 0.0


BOUND = st.sampled_from([-(2**63), -2, -1, 0, 1, 2, 3, 4, 2**31 - 1, 2**63 - 1])


@settings(max_examples=120, deadline=None, derandomize=True)
@given(BOUND, BOUND, st.sampled_from([-2, -1, 0, 1]), st.sampled_from([-1, 1, 2]), st.booleans())
def test_a_slice_goes_only_where_it_takes_all(start, end, axis, step, free):
    ints = {"s": start, "e": end, "a": axis, "t": step}
    program = graph.parse(
        '<ir_version: 8, opset_import: ["" : 17]>'
        f"g (float[{'n' if free else 2},3] x) => (y)"
        " { b = Identity(x) c = Slice(b, s, e, a, t) y = Identity(c) }",
        {k: np.array([v]) for k, v in ints.items()},
    )
    graph.infer_shapes(program)
    before = clone(program)
    run(program, [DropIdentity()])
    feeds = {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}
    want, got = (Oracle(p).run(feeds)["y"] for p in (before, program))
    np.testing.assert_array_equal(got, want)
