from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.passes.fold_casts import FoldCasts
from mcompile.rules import run

TYPES = {
    "float": np.float32,
    "float16": np.float16,
    "double": np.float64,
    "int8": np.int8,
    "uint8": np.uint8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "bool": np.bool_,
}
CODES = {name: int(ir.DataType.from_numpy(np.dtype(kind))) for name, kind in TYPES.items()}


def chain(parse, *kinds):
    """x of the first type, cast to each of the others, and something behind."""
    lines, last = [], "x"
    for k, kind in enumerate(kinds[1:]):
        lines.append(f"v{k} = Cast<to = {CODES[kind]}>({last})")
        last = f"v{k}"
    return parse(f"g ({kinds[0]}[4] x) => (y) {{ {' '.join(lines)} y = Identity({last}) }}")


def test_two_casts_become_one(parse, body, far):
    program = chain(parse, "float16", "float", "double")
    before = graph.clone(program)
    log = run(program, [FoldCasts()])
    assert [(a.rule, a.node) for a in log.applied] == [("fold_casts", "v1")]
    assert body(program) == ["v1 = Cast(x)", "y = Identity(v1)"]
    assert far(before, program) == 0.0
    assert run(program, [FoldCasts()]).applied == ()


def test_a_wrong_type_would_be_seen(parse, far):
    program, other = chain(parse, "float16", "float", "double"), chain(parse, "float16", "float")
    run(program, [FoldCasts()])
    with pytest.raises(AssertionError):
        far(other, program)


@pytest.mark.parametrize(
    "kinds",
    [
        ("float", "double", "float"),
        ("int32", "int64", "int32"),
        ("uint8", "int16", "uint8"),
        ("bool", "float", "bool"),
        ("int16", "float", "int16"),
        ("float", "float", "float"),
    ],
)
def test_there_and_back_vanishes(parse, body, far, kinds):
    program = chain(parse, *kinds)
    before = graph.clone(program)
    assert len(run(program, [FoldCasts()]).applied) == 1
    assert body(program) == ["y = Identity(x)"]
    assert far(before, program) == 0.0


@pytest.mark.parametrize(
    ("kinds", "reason"),
    [
        (("float", "float16", "float"), "FLOAT16 does not hold every FLOAT"),
        (("float", "int32", "float"), "INT32 does not hold every FLOAT"),
        (("int32", "float", "int32"), "FLOAT does not hold every INT32"),
        (("int64", "double", "int64"), "DOUBLE does not hold every INT64"),
        (("uint8", "int8", "uint8"), "INT8 does not hold every UINT8"),
        (("int16", "uint8", "int16"), "UINT8 does not hold every INT16"),
        (("float", "bool", "float"), "BOOL does not hold every FLOAT"),
        (("int16", "float", "int8"), "INT8 does not hold every INT16"),
    ],
)
def test_it_says_why_it_stays(parse, body, kinds, reason):
    program = chain(parse, *kinds)
    before = body(program)
    log = run(program, [FoldCasts()])
    assert [s.reason for s in log.skipped] == [reason]
    assert body(program) == before


def test_an_output_stays_made_by_a_node(parse, body):
    program = parse("g (float[4] x) => (y) { a = Cast<to = 11>(x) y = Cast<to = 1>(a) }")
    log = run(program, [FoldCasts()])
    assert [s.reason for s in log.skipped] == ["it joins the input x to the output y"]


def test_a_type_nobody_knows_stays(parse):
    program = parse(
        "g (float[4] x) => (y) { k = Neg(x) a = Cast<to = 11>(k) y = Cast<to = 10>(a) }"
    )
    program.graph.graph.node(0).outputs[0].type = None
    log = run(program, [FoldCasts()])
    assert [s.reason for s in log.skipped] == ["the type that is cast is not known"]


def test_the_first_stays_for_others_who_read_it(parse, body, far):
    program = parse(
        "g (float[4] x) => (y, z) { a = Cast<to = 11>(x) b = Cast<to = 1>(a)"
        " y = Neg(b) z = Abs(a) }"
    )
    before = graph.clone(program)
    run(program, [FoldCasts()])
    assert body(program) == ["a = Cast(x)", "y = Neg(x)", "z = Abs(a)"]
    assert far(before, program) == 0.0


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(sorted(TYPES)), min_size=3, max_size=5))
def test_any_chain_gives_the_same_for_the_extremes(kinds):
    def parse(text):
        program = graph.parse(f'<ir_version: 8, opset_import: ["" : 13]> {text}')
        graph.infer_shapes(program)
        return program

    program = chain(parse, *kinds)
    before = graph.clone(program)
    run(program, [FoldCasts()])
    kind = np.dtype(TYPES[kinds[0]])
    x = np.array([0, 1, 3, 100], kind)
    if kind.kind in "iu":
        x = np.array([0, 1, np.iinfo(kind).min, np.iinfo(kind).max], kind)
    want, got = Oracle(before).run({"x": x})["y"], Oracle(program).run({"x": x})["y"]
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)
