from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.graph import array, clone
from mcompile.oracle import Oracle
from mcompile.passes.drop_dead import DropDead
from mcompile.passes.fold_reshape_target import FoldReshapeTarget
from mcompile.rules import run

INTS = {f"i{n}": np.array([n]) for n in (0, 1, 2, 3, 4, 12)} | {"last": np.array([-1])}
TEXT = """g (float[n,m,12] x, float[?,2] z) => (y) {{
    s = Shape(x) n = Gather(s, i0) m = Gather(s, i1) {} b = Abs(r) y = Identity(b)
}}"""


def target(program):
    node = [n for n in program.graph.graph if n.op_type == "Reshape"][-1]
    return array(node.inputs[1]).tolist()


@pytest.mark.parametrize(
    ("web", "expected"),
    [
        ("t = Concat<axis = 0>(n, m, i3, i4) r = Reshape(x, t)", [0, 0, 3, 4]),
        ("t = Concat<axis = 0>(n, last) r = Reshape(x, t)", [0, -1]),
        ("t = Concat<axis = 0>(n, last) r = Reshape<allowzero = 1>(x, t)", [0, -1]),
        ("k = Mul(n, m) t = Concat<axis = 0>(k, i12) r = Reshape(x, t)", [-1, 12]),
        ("t = Concat<axis = 0>(n, m, i12) r = Reshape<allowzero = 1>(x, t)", [0, 0, 12]),
        ("t = Concat<axis = 0>(n, i0, i4, i3) r = Reshape(x, t)", [0, 0, 4, 3]),
        ("r = Reshape(x, s)", [0, 0, 12]),
        ("k = Shape(z) t = Gather(k, i0) c = Concat<axis = 0>(i2, t) r = Reshape(z, c)", [2, -1]),
        ("k = Shape(z) t = Gather(k, i0) c = Concat<axis = 0>(t, i2, i1) r = Reshape(z, c)",
         [0, 2, 1]),
    ],
)  # fmt: skip
def test_a_computed_shape_becomes_a_constant(parse, far, web, expected):
    program = parse(TEXT.format(web), **INTS)
    before = clone(program)
    log = run(program, [FoldReshapeTarget(), DropDead()])
    assert ("fold_reshape_target", "r") in {(a.rule, a.node) for a in log.applied}
    assert target(program) == expected
    live = list(program.graph.graph)
    assert [n.op_type for n in live] == ["Reshape", "Abs", "Identity"]
    assert "allowzero" not in live[0].attributes
    assert far(before, program) == 0.0
    assert run(program, [FoldReshapeTarget()]).applied == ()


@pytest.mark.parametrize(
    ("web", "reason"),
    [
        ("t = Concat<axis = 0>(m, n, i12) r = Reshape(x, t)",
         "2 of its sizes are only known at run time"),
        ("k = Mul(m, i4) t = Concat<axis = 0>(n, k, i3) r = Reshape(x, t)",
         "beside a free size it keeps a dimension that may be 0"),
        ("t = Concat<axis = 0>(n, m, i12, i0) r = Reshape(x, t)",
         "it keeps a dimension that is not there"),
        ("k = Mul(m, i12) t = Concat<axis = 0>(i0, k) r = Reshape(x, t)",
         "beside a free size it keeps a dimension that may be 0"),
    ],
)  # fmt: skip
def test_it_says_why_it_stays(parse, web, reason):
    program = parse(TEXT.format(web), **INTS)
    log = run(program, [FoldReshapeTarget()])
    assert log.applied == ()
    assert [s.reason for s in log.skipped] == [reason]


@pytest.mark.parametrize(
    "web",
    [
        "r = Reshape(x, i12)",
        "t = Concat<axis = 0>(n, i0) r = Reshape<allowzero = 1>(x, t)",
        "f = Cast<to = 1>(s) c = Cast<to = 7>(f) e = ReduceSum(z) r = Expand(e, c)",
    ],
)
def test_where_it_has_no_say(parse, web):
    log = run(parse(TEXT.format(web), **INTS), [FoldReshapeTarget()])
    assert (log.applied, log.skipped) == ((), ())


def test_a_dimension_may_be_named_as_a_multiple(parse, far):
    program = parse(
        """g (float[batch,4,6] x) => (y) {
            a = Reshape(x, start) s = Shape(x) n = Gather(s, i0) k = Mul(n, i4)
            t = Concat<axis = 0>(k, i2, last) r = Reshape(a, t) y = Abs(r)
        }""",
        start=np.array([-1, 6]),
        **INTS,
    )
    named = next(n for n in program.graph.graph if n.outputs[0].name == "a").outputs[0]
    named.shape = ir.Shape(["4*batch", 6])
    before = clone(program)
    log = run(program, [FoldReshapeTarget(), DropDead()])
    assert ("fold_reshape_target", "r") in {(a.rule, a.node) for a in log.applied}
    assert target(program) == [0, 2, -1]
    assert far(before, program) == 0.0


def test_a_shape_that_is_an_input_stays(parse):
    log = run(
        parse("g (float[4] x, int64[2] s) => (y) { r = Reshape(x, s) y = Abs(r) }"),
        [FoldReshapeTarget()],
    )
    assert [s.reason for s in log.skipped] == ["2 of its sizes are only known at run time"]


def test_an_output_may_be_reshaped_too(parse, far):
    program = parse(
        "g (float[n,12] x) => (float[n,3,4] y) { s = Shape(x) n = Gather(s, i0)"
        " t = Concat<axis = 0>(n, i3, i4) y = Reshape(x, t) }",
        **INTS,
    )
    before = clone(program)
    run(program, [FoldReshapeTarget()])
    assert target(program) == [0, 3, 4]
    assert far(before, program) == 0.0


def test_a_wrong_target_would_be_seen(parse, far):
    text = "t = Concat<axis = 0>(n, m, {}) r = Reshape(x, t)"
    program = parse(TEXT.format(text.format("i3, i4")), **INTS)
    other = parse(TEXT.format(text.format("i4, i3")), **INTS)
    run(program, [FoldReshapeTarget()])
    with pytest.raises(AssertionError):
        far(other, program)


ENTRY = st.sampled_from(["n", "m", "nm", "n2", "i0", "i1", "i2", "i3", "i4", "i12", "last"])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(ENTRY, min_size=1, max_size=4), st.booleans())
def test_every_shape_a_model_can_ask_for_comes_out(entries, allowzero):
    """With sizes of 0 too: what ran before runs after, to the same shape."""
    program = graph.parse(
        f"""<ir_version: 8, opset_import: ["" : 17]> g (float[n,m,12] x) => (y) {{
            s = Shape(x) n = Gather(s, i0) m = Gather(s, i1) nm = Mul(n, m) n2 = Mul(n, i2)
            t = Concat<axis = 0>({", ".join(entries)})
            r = Reshape<allowzero = {int(allowzero)}>(x, t) y = Identity(r)
        }}""",
        INTS,
    )
    graph.infer_shapes(program)
    before = clone(program)
    assume(run(program, [FoldReshapeTarget()]).applied)
    old, new = Oracle(before), Oracle(program)
    ruled_out = allowzero and "last" in entries  # with allowzero, no 0 may stand beside a -1
    for sizes in ((2, 3), (12, 2)) if ruled_out else ((2, 3), (0, 1), (2, 0), (12, 2)):
        feeds = {"x": np.arange(np.prod(sizes) * 12, dtype=np.float32).reshape(*sizes, 12)}
        try:
            want = old.run(feeds)["y"]
        except Exception:  # that shape was never possible
            continue
        got = new.run(feeds)["y"]
        assert got.shape == want.shape
        np.testing.assert_array_equal(got, want)
