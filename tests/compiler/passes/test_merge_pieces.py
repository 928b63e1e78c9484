from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.merge_pieces import MergePieces
from mcompile.rules import run

INTS = {f"i{n}": np.array(n) for n in range(4)} | {"back": np.array(-1)}
INTS |= {f"v{n}": np.array([n]) for n in range(4)} | {"sizes": np.array([1, 2])}
GATHERS = " ".join(f"g{t} = Gather<axis = 0>(a, i{t}) p{t} = Unsqueeze(g{t}, v0)" for t in range(3))
SLICES = " ".join(f"p{t} = Slice(a, v{t}, v{t + 1}, v0)" for t in range(3))
BARE = " ".join(
    f"s{t} = Slice(a, v{t}, v{t + 1}, v1) q{t} = Squeeze(s{t}, v1) p{t} = Unsqueeze(q{t}, v0)"
    for t in range(3)
)
SPLIT = "p0, p1 = Split<axis = 0>(a, sizes) "
ALL = " c = Concat<axis = 0>(p0, p1, p2) y = Neg(c)"


def parsed(parse, text, opset=17):
    return parse(f"g (float[3,3,2] x) => (float[k,l,m] y) {{ a = Relu(x) {text} }}", opset, **INTS)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (GATHERS + ALL, ["y = Neg(a)"]),
        (GATHERS.replace("i2", "back") + ALL, ["y = Neg(a)"]),
        (SLICES + ALL, ["y = Neg(a)"]),
        (SLICES + ALL.replace("axis = 0", "axis = -3"), ["y = Neg(a)"]),
        (SPLIT + "c = Concat<axis = 0>(p0, p1) y = Neg(c)", ["y = Neg(a)"]),
        (BARE + ALL, ["c = Transpose(a)", "y = Neg(c)"]),
        (
            SLICES[SLICES.index("p1") :] + " c = Concat<axis = 0>(p1, p2) y = Neg(c)",
            ["c = Slice(a, starts, ends, axes, steps)", "y = Neg(c)"],
        ),
        (
            GATHERS + " c = Concat<axis = 0>(p2, p1, p0) y = Neg(c)",
            ["c = Slice(a, starts, ends, axes, steps)", "y = Neg(c)"],
        ),
        (
            BARE[BARE.index("s1") :] + " y = Concat<axis = 0>(p2, p1)",
            ["y_slice = Slice(a, starts, ends, axes, steps)", "y = Transpose(y_slice)"],
        ),
    ],
)
def test_pieces_in_a_row_are_the_whole(parse, body, far, text, left):
    program = parsed(parse, text)
    before = graph.clone(program)
    log = run(program, [MergePieces()])
    assert [a.rule for a in log.applied] == ["merge_pieces"]
    assert body(program) == ["a = Relu(x)", *left]
    assert far(before, program) == 0
    assert run(program, [MergePieces()]).applied == ()


@pytest.mark.parametrize(
    "text",
    [
        SLICES + " c = Concat<axis = 0>(p0, p2, p1) y = Neg(c)",
        SLICES + " c = Concat<axis = 0>(p0, p0, p1) y = Neg(c)",
        SLICES + " c = Concat<axis = 1>(p0, p1, p2) y = Neg(c)",
        SLICES + " c = Concat<axis = 0>(p0, x, p1) y = Neg(c)",
        SLICES.replace("p1 = Slice(a", "p1 = Slice(x") + ALL,
        SPLIT + "c = Concat<axis = 0>(p1, p0) y = Neg(c)",
        GATHERS.replace("Unsqueeze(g1, v0)", "Reshape(x, shape)").replace("shape", "v0") + ALL,
    ],
)
def test_any_other_concat_is_no_business_of_this_rule(parse, text):
    log = run(parsed(parse, text), [MergePieces()])
    assert (log.applied, log.skipped) == ((), ())


def test_a_whole_that_joins_input_and_output_stays(parse):
    text = SLICES.replace("(a,", "(x,") + " y = Concat<axis = 0>(p0, p1, p2)"
    log = run(parsed(parse, text), [MergePieces()])
    assert [s.reason for s in log.skipped] == ["it joins the input x to the output y"]
    assert log.applied == ()


def test_opset_12_is_no_business_of_this_rule(parse):
    log = run(parsed(parse, SLICES + ALL, 12), [MergePieces()])
    assert (log.applied, log.skipped) == ((), ())


def test_a_wrong_order_would_be_seen(parse, far):
    program = parsed(parse, SLICES + ALL)
    run(program, [MergePieces()])
    assert far(parsed(parse, SLICES + ALL.replace("p0, p1", "p1, p0")), program) > 0.1


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.integers(1, 3).flatmap(lambda r: st.tuples(st.just(r), st.integers(0, r))),
    st.integers(0, 3),
    st.integers(2, 5),
    st.booleans(),
    st.booleans(),
)
def test_bare_pieces_go_to_any_axis(ranks, cut, count, backwards, whole):
    rank, axis = ranks
    cut = cut % (rank + 1)
    shape = [2] * (rank + 1)
    shape[cut] = count + (not whole)
    order = range(count)[:: -1 if backwards else 1]
    text = " ".join(
        f"g{t} = Gather<axis = {cut}>(a, i{t}) p{t} = Unsqueeze(g{t}, at)" for t in order
    )
    sizes, free = ",".join(map(str, shape)), ",".join("klmn"[: rank + 1])
    program = graph.parse(
        f"""<ir_version: 8, opset_import: ["" : 17]> g (float[{sizes}] x) => (float[{free}] y) {{
        a = Abs(x) {text} c = Concat<axis = {axis}>({", ".join(f"p{t}" for t in order)})
        y = Neg(c) }}""",
        {"at": np.array([axis])} | {f"i{t}": np.array(t) for t in order},
    )
    graph.infer_shapes(program)
    before = graph.clone(program)
    assert len(run(program, [MergePieces()]).applied) == 1
    assert "Concat" not in [n.op_type for n in program.graph.graph]
    x = {"x": np.random.default_rng(0).standard_normal(shape).astype(np.float32)}
    np.testing.assert_array_equal(Oracle(program).run(x)["y"], Oracle(before).run(x)["y"])
