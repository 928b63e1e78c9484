from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.drop_expand import DropExpand
from mcompile.rules import run

INTS = {f"i{n}": np.array([n]) for n in (1, 2, 3, 4)}
MASK = """g (float[1,1,3,4] m, float[batch,2,3,4] s) => (y) {
    k = Shape(s) b = Gather(k, i0) t = Concat<axis = 0>(b, i1, i3, i4)
    e = Expand(m, t) BODY
}"""


def masked(parse, text, **more):
    return parse(MASK.replace("BODY", text), i0=np.array([0]), **INTS, **more)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("y = Add(e, s)", "y = Add(m, s)"),
        ("y = Add(s, e)", "y = Add(s, m)"),
        ("y = Max(s, e, s)", "y = Max(s, m, s)"),
        ("c = Less(s, s) y = Where(c, e, s)", "y = Where(c, m, s)"),
        ("c = Less(s, s) d = Less(m, m) y = Where(d, s, e)", "y = Where(d, s, m)"),
    ],
)
def test_a_reader_that_broadcasts_reads_the_narrow_tensor(parse, body, far, text, line):
    program = masked(parse, text)
    before = graph.clone(program)
    log = run(program, [DropExpand()])
    assert [(a.rule, a.node) for a in log.applied] == [("drop_expand", "e")]
    assert body(program)[-1] == line
    assert "Expand" not in {n.op_type for n in program.graph.graph}
    assert far(before, program) == 0.0
    assert run(program, [DropExpand()]).applied == ()


@pytest.mark.parametrize(
    "text",
    [
        "y = Relu(e)",
        "y = Add(e, e)",
        "y = Add(e, m)",
        "y = PRelu(s, e)",
        "y = Concat<axis = 1>(e, s)",
    ],
)
def test_a_reader_that_needs_the_size_keeps_it(parse, text):
    log = run(masked(parse, text), [DropExpand()])
    assert (log.applied, log.skipped) == ((), ())


def test_readers_are_judged_one_by_one(parse, body, far):
    program = masked(parse, "a = Add(e, s) c = Relu(e) y = Mul(a, c)")
    before = graph.clone(program)
    assert len(run(program, [DropExpand()]).applied) == 1
    assert {"a = Add(m, s)", "c = Relu(e)"} <= {*body(program)}
    assert far(before, program) == 0.0


def test_a_wider_rank_comes_from_the_other_operand(parse, body, far):
    text = "g (float[4] m, float[2,3,4] s) => (y) { e = Expand(m, t) y = Add(e, s) }"
    program = parse(text, t=np.array([2, 3, 4]))
    before = graph.clone(program)
    run(program, [DropExpand()])
    assert body(program) == ["y = Add(m, s)"]
    assert far(before, program) == 0.0
    narrow = parse(text.replace("[2,3,4] s", "[3,4] s"), t=np.array([2, 3, 4]))
    assert run(narrow, [DropExpand()]).applied == ()


def test_an_expand_before_an_expand_goes(parse, body, far):
    text = "g (float[1,4] m) => (y) { e = Expand(m, t) y = Expand(e, u) }"
    program = parse(text, t=np.array([3, 4]), u=np.array([2, 3, 4]))
    before = graph.clone(program)
    run(program, [DropExpand()])
    assert body(program) == ["y = Expand(m, u)"]
    assert far(before, program) == 0.0


def test_an_unknown_size_stays(parse):
    text = "g (float[1,4] m, float[a,4] s, int64[2] t) => (y) { e = Expand(m, t) y = Add(e, s) }"
    assert run(parse(text), [DropExpand()]).applied == ()


SIZE = st.sampled_from([1, 2, 3])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(SIZE, max_size=3),
    st.lists(SIZE, min_size=1, max_size=4),
    st.lists(SIZE, max_size=4),
    st.sampled_from(["Add(e, s)", "Sub(s, e)", "Min(e, s, s)"]),
)
def test_what_is_made_keeps_its_shape(narrow, asked, other, op):  # fmt: skip
    def shaped(sizes):
        return ",".join(map(str, sizes))

    text = f"g (float[{shaped(narrow)}] m, float[{shaped(other)}] s) => (y) {{ e = Expand(m, t)"
    try:
        np.broadcast_shapes(np.broadcast_shapes(narrow, asked), other)
    except ValueError:
        assume(False)
    head = '<ir_version: 8, opset_import: ["" : 17]>'
    program = graph.parse(f"{head} {text} y = {op} }}", {"t": np.array(asked)})
    graph.infer_shapes(program)
    before = graph.clone(program)
    assume(run(program, [DropExpand()]).applied)
    rng = np.random.default_rng(0)
    x = {"m": rng.standard_normal(narrow), "s": rng.standard_normal(other)}
    x = {k: np.asarray(v, np.float32) for k, v in x.items()}
    want, got = Oracle(before).run(x)["y"], Oracle(program).run(x)["y"]
    assert got.shape == want.shape
    np.testing.assert_array_equal(got, want)
