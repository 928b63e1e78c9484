from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.graph import array, clone
from mcompile.passes import fold_constants
from mcompile.passes.drop_dead import DropDead
from mcompile.passes.fold_constants import FoldConstants
from mcompile.rules import run


def value(program, name):
    return array(program.graph.graph.initializers[name])


def test_what_is_known_is_computed(parse, body, far):
    program = parse(
        """g (float[2,3] x) => (float[2,3] y) {
            two = Constant<value_float = 2.0>()
            a = Add(two, w)
            b = Sqrt(a)
            y = Mul(x, b)
        }""",
        w=np.full(3, 7, np.float32),
    )
    before = clone(program)
    log = run(program, [FoldConstants()])
    assert [a.node for a in log.applied] == ["two", "a", "b"]
    assert body(program) == ["y = Mul(x, b)"]
    assert list(program.graph.graph.initializers) == ["b"]
    np.testing.assert_array_equal(value(program, "b"), np.full(3, 3, np.float32))
    assert far(before, program) == 0.0
    assert run(program, [FoldConstants()]).applied == ()


def test_a_wrong_value_would_be_seen(parse, far):
    program = parse(
        "g (float[3] x) => (float[3] y) { b = Sqrt(w) y = Mul(x, b) }", w=np.full(3, 9, np.float32)
    )
    before = clone(program)
    run(program, [FoldConstants()])
    folded = program.graph.graph.initializers["b"]
    folded.const_value = ir.tensor(np.float32([3, 3.001, 3]), name="b")
    assert far(before, program) > 1e-5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s = Shape(a)", [2, 3]),
        ("s = Shape<start = 1>(a)", [3]),
        ("s = Shape<start = -2, end = -1>(a)", [2]),
        ("t = Size(a) s = Unsqueeze(t, zero)", [6]),
        ("f = CastLike(half, a) t = Cast<to = 7>(f) s = Unsqueeze(t, zero)", [2]),
    ],
)
def test_shapes_and_types_of_run_time_values_are_known(parse, text, expected):
    program = parse(
        f"g (float[2,3] x) => (float[k] y) {{ a = Neg(x) {text} y = ConstantOfShape(s) }}",
        zero=np.array([0]),
        half=np.float16(2.5),
    )
    run(program, [FoldConstants()])
    np.testing.assert_array_equal(value(program, "s"), expected)


def test_a_no_op_on_a_constant_makes_no_second_constant(parse, body):
    program = parse(
        "g (float[2] x) => (float[2] y) { c = Cast<to = 1>(w) y = Add(x, c) }",
        w=np.ones(2, np.float32),
    )
    run(program, [FoldConstants()])
    assert body(program) == ["y = Add(x, w)"]
    assert list(program.graph.graph.initializers) == ["w"]


def test_several_outputs_are_folded_together(parse, body, far):
    program = parse(
        "g (float[2] x) => (float[2] y) { a, b = Split(w) c = Mul(x, b) y = Add(a, c) }",
        opset=13,
        w=np.arange(4, dtype=np.float32),
    )
    before = clone(program)
    run(program, [FoldConstants()])
    assert body(program) == ["c = Mul(x, b)", "y = Add(a, c)"]
    assert far(before, program) == 0.0


def test_inside_of_a_branch_too(parse, far):
    program = parse(
        """g (float[2] x, bool c) => (float[2] y) {
            y = If (c) <
                then_branch = t () => (float[2] p) { k = Sqrt(w) p = Mul(x, k) },
                else_branch = e () => (float[2] q) { q = Neg(x) }
            >
        }""",
        w=np.full(2, 4, np.float32),
    )
    before = clone(program)
    log = run(program, [FoldConstants()])
    assert [a.node for a in log.applied] == ["k"]
    assert far(before, program) == 0.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("y = Sqrt(w)", "y is an output, and an output is made by a node"),
        ("b = Expand(w, big) c = ReduceSum(b) y = Add(x, c)", "its value would add 40.0 MB"),
        ("b = ConstantOfShape(big) c = ReduceSum(b) y = Add(x, c)", "its value would add 40.0 MB"),
    ],
)
def test_it_says_why_it_stays(parse, body, text, reason):
    program = parse(
        f"g (float[2] x) => (float[2] y) {{ {text} }}",
        w=np.float32([4, 4]),
        big=np.array([5_000_000, 2]),
    )
    before = body(program)
    log = run(program, [FoldConstants()])
    assert [s.reason for s in log.skipped] == [reason]
    assert body(program) == before


def test_an_op_the_runtime_cannot_compute_stays(parse):
    program = parse(
        "g (float[2] x) => (float[2] y) { b = Reshape(w, s) y = Add(x, b) }",
        w=np.ones(2, np.float32),
        s=np.array([3]),
    )
    log = run(program, [FoldConstants()])
    assert log.applied == ()
    assert log.skipped[0].reason.startswith("Reshape cannot be computed: ")


def test_a_sequence_is_no_constant(parse):
    program = parse(
        """g (float[2] x) => (float[2] y) {
            s = SequenceEmpty() t = SequenceInsert(s, x) y = SequenceAt(t, first)
        }""",
        first=np.array(0),
    )
    log = run(program, [FoldConstants()])
    assert [(s.node, s.reason) for s in log.skipped] == [("s", "its value is not a tensor")]


def test_a_large_value_may_replace_an_equally_large_one(parse, body):
    program = parse(
        "g (float[1,1000] x) => (float[1,1000] y) { t = Transpose(w) y = MatMul(x, t) }",
        w=np.arange(1e6, dtype=np.float32).reshape(1000, 1000),
    )
    run(program, [FoldConstants()])
    assert body(program) == ["y = MatMul(x, t)"]


def test_a_large_value_lives_outside_of_memory(parse):
    program = parse(
        "g (float[1,2100] x) => (float[1,2100] y) { t = Transpose(w) y = MatMul(x, t) }",
        w=np.arange(2100**2, dtype=np.float32).reshape(2100, 2100),
    )
    run(program, [FoldConstants()])
    assert isinstance(value(program, "t"), np.memmap)


@pytest.mark.parametrize(
    "text",
    [
        "b = RandomNormal<shape = [2]>() y = Add(x, b)",
        "q = QuantizeLinear(w, s, z) b = DequantizeLinear(q, s, z) y = Add(x, b)",
        "b = Add(w, v) y = Add(x, b)",
    ],
)
def test_chance_quantization_and_inputs_are_left_alone(parse, text):
    program = parse(
        f"g (float[2] x, float[2] v) => (float[2] y) {{ {text} }}",
        w=np.ones(2, np.float32),
        v=np.ones(2, np.float32),
        s=np.float32(0.1),
        z=np.int8(0),
    )
    log = run(program, [FoldConstants()])
    assert (log.applied, log.skipped) == ((), ())


def test_strings_and_other_domains_are_left_alone(parse):
    text = """<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    g (float[2] x) => (float[2] y) { b = com.microsoft.Gelu(w) y = Add(x, b) }"""
    program = fold_constants.graph.parse(text, {"w": np.ones(2, np.float32)})
    log = run(program, [FoldConstants()])
    assert log.applied == ()
    why = "what an op of com.microsoft computes is only known at run time"
    assert [(s.node, s.reason) for s in log.skipped] == [("b", why)]
    named = parse('g () => (string[1] y) { s = Constant<value_strings = ["a"]>() y = Identity(s) }')
    assert run(named, [FoldConstants()]).applied == ()


def test_values_may_not_add_up_without_end(parse, far, monkeypatch):
    monkeypatch.setattr(fold_constants, "IN_ALL_BYTES", 10_000)
    steps = " ".join(
        f"c{k} = ConstantOfShape<value: tensor = float[1] {{{k}}}>(s) x{k + 1} = Add(x{k}, c{k})"
        for k in range(4)
    )
    program = parse(
        f"g (float[1] x0) => (float[k] y) {{ {steps} y = Neg(x4) }}", s=np.array([1000])
    )
    before = clone(program)
    log = run(program, [FoldConstants()])
    assert [a.node for a in log.applied] == ["c0", "c1"]
    assert {s.node for s in log.skipped} == {"c2", "c3"}
    assert log.skipped[0].reason.startswith("such values have added")
    assert far(before, program) == 0.0


@pytest.mark.parametrize(
    "node",
    [
        "ConstantOfShape(s)",
        "Expand(one, s)",
        "Tile(one, s)",
        "Range(zero, end, step)",
        "Pad(one, pads)",
    ],
)
def test_a_thousand_million_elements_are_never_made(node):
    known = {"s": np.array([10**9]), "one": np.ones(1, np.float32), "pads": np.array([0, 10**9])}
    known |= {"zero": np.float32(0), "end": np.float32(1e9), "step": np.float32(1)}
    program = graph.parse(
        f"""<ir_version: 8, opset_import: ["" : 17]>
        g (float[1] x) => (y) {{ c = {node} y = Add(x, c) }}""",
        known,
    )
    log = run(program, [FoldConstants()])
    assert log.applied == ()
    assert log.skipped[0].reason.startswith("its value would add")


def test_a_type_that_numpy_lacks_is_not_taken_for_bytes(parse):
    program = parse(
        """g (float[2] x) => (float[2] y) {
            c = Cast<to = 17>(w) d = Cast<to = 1>(c) y = Add(x, d)
        }""",
        opset=19,
        w=np.float32([1, 2]),
    )
    log = run(program, [FoldConstants()])
    assert [s.reason for s in log.skipped] == ["its value is of a type that numpy does not have"]
    assert [n.op_type for n in program.graph.graph] == ["Cast", "Cast", "Add"]


def test_text_stays(parse):
    program = parse(
        """g (float[2] x) => (float[2] y) {
            c = StringConcat(a, b) q = Equal(c, a) y = Where(q, x, x)
        }""",
        opset=20,
        a=np.array(["a", "b"], object),
        b=np.array(["c", "d"], object),
    )
    log = run(program, [FoldConstants()])
    assert (log.applied, log.undone) == ((), ())


def test_a_small_value_is_folded_through_a_large_one(parse, body, far):
    program = parse(
        """g (float[1,1500] x) => (float[1,1500] y) {
            d = Sub(w, one) s = Mul(d, d) m = ReduceMean<axes = [1]>(s)
            c = Add(w, m) y = MatMul(x, c)
        }""",
        w=np.arange(1500**2, dtype=np.float32).reshape(1500, 1500) / 1e6,
        one=np.float32(1),
    )
    before = clone(program)
    log = run(program, [DropDead(), FoldConstants()])
    assert body(program) == ["y = MatMul(x, c)"]
    assert [a.node for a in log.applied if a.rule == "fold_constants"] == ["m", "c"]
    assert far(before, program) == 0.0


def test_nothing_larger_is_made_on_the_way(parse, body):
    program = parse(
        "g (float[2] x) => (float[2] y) { b = Expand(w, big) c = ReduceSum(b) y = Add(x, c) }",
        w=np.ones((600_000, 1), np.float32),
        big=np.array([600_000, 2]),
    )
    before = body(program)
    run(program, [FoldConstants()])
    assert body(program) == before
