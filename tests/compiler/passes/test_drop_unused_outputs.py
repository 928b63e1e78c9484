from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.graph import clone
from mcompile.oracle import Oracle
from mcompile.passes.drop_unused_outputs import DropUnusedOutputs
from mcompile.reference import random_feeds
from mcompile.rules import run

W = np.random.default_rng(0).standard_normal
LSTM = {"w": W((1, 8, 3)).astype(np.float32), "r": W((1, 8, 2)).astype(np.float32)}
X = "g (float[2,4,3] x) => (y)"


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("a, b = Dropout(x)", "a = Dropout(x)"),
        ("a, b = MaxPool<kernel_shape = [2]>(x)", "a = MaxPool(x)"),
        ("a, b, c = LayerNormalization(x, g)", "a = LayerNormalization(x, g)"),
        ("b, a, c = LayerNormalization(x, g)", "b, a = LayerNormalization(x, g)"),
        ("a, b, c = LSTM<hidden_size = 2>(x, w, r)", "a = LSTM(x, w, r)"),
        ("b, a, c = LSTM<hidden_size = 2>(x, w, r)", "b, a = LSTM(x, w, r)"),
        ("a, b, c, d = Unique(x)", "a = Unique(x)"),
    ],
)
def test_trailing_outputs_that_nobody_reads_are_left_out(parse, body, far, line, left):
    program = parse(f"{X} {{ {line} y = Exp(a) }}", g=np.ones(3, np.float32), **LSTM)
    before = clone(program)
    log = run(program, [DropUnusedOutputs()])
    assert [a.rule for a in log.applied] == ["drop_unused_outputs"]
    assert body(program) == [left, "y = Exp(a)"]
    assert far(before, program) == 0.0
    assert run(program, [DropUnusedOutputs()]).applied == ()


@pytest.mark.parametrize(
    "line",
    [
        "a, b = TopK(x, k)",
        "a, b = Split<axis = 1>(x)",
        "c, a = MaxPool<kernel_shape = [2]>(x) d = Cast<to = 1>(a)",
        "a = MaxPool<kernel_shape = [2]>(x)",
    ],
)
def test_outputs_that_an_op_must_have_or_that_are_read_stay(parse, line):
    read = "d" if "d =" in line else "a"
    program = parse(f"{X} {{ {line} y = Exp({read}) }}", opset=13, k=np.array([2]))
    log = run(program, [DropUnusedOutputs()])
    assert (log.applied, log.skipped) == ((), ())


def test_an_output_of_the_graph_is_read(parse):
    program = parse("g (float[2,4,3] x) => (a, b) { a, b = MaxPool<kernel_shape = [2]>(x) }")
    assert run(program, [DropUnusedOutputs()]).applied == ()


def test_an_output_that_a_branch_reads_is_read(parse):
    program = parse(
        """g (float[2,4,3] x, bool c) => (y) {
            a, b = MaxPool<kernel_shape = [2]>(x)
            y = If (c) <
                then_branch = t () => (float[2,4,2] p) { p = Cast<to = 1>(b) },
                else_branch = e () => (float[2,4,2] q) { q = Exp(a) }
            >
        }"""
    )
    assert run(program, [DropUnusedOutputs()]).applied == ()


def test_the_outputs_of_a_batch_norm_say_whether_it_trains(parse):
    program = parse(
        f"{X} {{ a, m, v, s, t = BatchNormalization(x, g, g, g, g) y = Exp(a) }}",
        opset=9,
        g=np.ones(4, np.float32),
    )
    log = run(program, [DropUnusedOutputs()])
    assert log.applied == ()
    assert [s.reason for s in log.skipped] == [
        "the number of its outputs says whether it is training"
    ]


def test_ops_that_onnx_does_not_know_are_left_alone():
    program = graph.parse(
        """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
        g (float[2] x) => (y) { a, b = own.MaxPool(x) c, d = Nonsense(a) y = Exp(c) }"""
    )
    log = run(program, [DropUnusedOutputs()])
    assert (log.applied, log.skipped) == ((), ())


def test_leaving_out_a_read_one_would_be_seen(parse):
    program = parse(f"{X} {{ b, a = LayerNormalization(x, g) y = Exp(a) }}", g=np.ones(3))
    with pytest.raises(ValueError, match="has uses"):
        program.graph.graph.node(0).resize_outputs(1)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.sets(st.integers(0, 2), min_size=1))
def test_whichever_are_read_keep_their_numbers(read):
    lines = " ".join(f"z{k} = Neg(o{k}) y{k} = Neg(z{k})" for k in read)
    outputs = ", ".join(f"y{k}" for k in sorted(read))
    program = graph.parse(
        f"""<ir_version: 8, opset_import: ["" : 17]> g (float[2,4,3] x) => ({outputs}) {{
            o0, o1, o2 = LSTM<hidden_size = 2>(x, w, r) {lines}
        }}""",
        LSTM,
    )
    before = clone(program)
    run(program, [DropUnusedOutputs()])
    assert len(program.graph.graph.node(0).outputs) == max(read) + 1
    feeds = random_feeds(before, 0)
    want, got = Oracle(before).run(feeds), Oracle(program).run(feeds)
    for name in want:
        np.testing.assert_array_equal(got[name], want[name])
