from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.graph import clone
from mcompile.oracle import Oracle
from mcompile.passes.fold_cast_like import FoldCastLike
from mcompile.rules import run

TEXT = "g (int64[n] x, float[n] z) => (float[n] y) { l = Exp(z) c = CastLike(x, l) y = Abs(c) }"


def test_a_known_type_need_not_be_computed(parse, body, far):
    program = parse(TEXT)
    before = clone(program)
    log = run(program, [FoldCastLike()])
    assert [(a.rule, a.node) for a in log.applied] == [("fold_cast_like", "c")]
    assert body(program) == ["c = Cast(x)", "y = Abs(c)"]
    assert program.graph.graph.node(0).attributes["to"].as_int() == 1
    assert far(before, program) == 0.0
    assert run(program, [FoldCastLike()]).applied == ()


def test_a_wrong_type_would_be_seen(parse, far):
    program = parse("g (float[4] x, double[4] z) => (y) { c = CastLike(x, z) y = Identity(c) }")
    other = parse("g (float[4] x, double[4] z) => (y) { c = Cast<to = 10>(x) y = Identity(c) }")
    run(program, [FoldCastLike()])
    with pytest.raises(AssertionError):
        far(other, program)


def test_what_it_says_about_saturation_is_kept(parse):
    program = parse(
        "g (float[4] x, float8e4m3fn[4] z) => (y) { c = CastLike<saturate = 0>(x, z)"
        " y = Identity(c) }",
        opset=19,
    )
    run(program, [FoldCastLike()])
    attributes = program.graph.graph.node(0).attributes
    assert {n: a.value for n, a in attributes.items()} == {"saturate": 0, "to": 17}


def test_an_unknown_type_stays():
    program = graph.parse(
        """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
        g (float[4] x, float[4] z) => (y) { l = own.Thing(z) c = CastLike(x, l) y = Identity(c) }"""
    )
    log = run(program, [FoldCastLike()])
    assert [s.reason for s in log.skipped] == ["the type of l is not known"]
    assert log.applied == ()


def test_an_output_keeps_its_name(parse, body, far):
    program = parse("g (int64[4] x, float[4] z) => (float[4] y) { y = CastLike(x, z) }")
    before = clone(program)
    run(program, [FoldCastLike()])
    assert body(program) == ["y = Cast(x)"]
    assert far(before, program) == 0.0


KINDS = {"float": np.float32, "double": np.float64, "int64": np.int64, "bool": np.bool_}


@settings(max_examples=16, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(KINDS)), st.sampled_from(sorted(KINDS)))
def test_every_pair_of_types(one, other):
    program = graph.parse(
        f"""<ir_version: 8, opset_import: ["" : 17]> g ({one}[4] x, {other}[4] z) => (y) {{
            c = CastLike(x, z) y = Identity(c)
        }}"""
    )
    graph.infer_shapes(program)
    before = clone(program)
    run(program, [FoldCastLike()])
    assert ("CastLike" in {n.op_type for n in program.graph.graph}) == (one == other)
    feeds = {"x": np.array([0, 1, 2, 3]).astype(KINDS[one]), "z": np.zeros(4, KINDS[other])}
    want, got = (Oracle(p).run(feeds)["y"] for p in (before, program))
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)
