"""Programs in 16 bits: valid, near, and no more Casts than it takes."""

from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.invariants import invariants
from mcompile.oracle import Oracle
from mcompile.quantize import half, halved
from mcompile.quantize.extremes import extremes
from mcompile.quantize.half import NEAR_DB, converted, count
from mcompile.quantize.nearness import Nearness
from mcompile.quantize.slots import HALVES
from mcompile.types import Precision, Sample, Samples

from .nets import residual, samples

HEAD = '<ir_version: 9, opset_import: ["": 17]>\n'


def parsed(signature, body, **weights):
    program = graph.parse(f"{HEAD}net {signature} {{\n{body}\n}}", weights)
    graph.infer_shapes(program)
    return program


def ops(program):
    return Counter(n.op_type for n in program.graph.graph.all_nodes())


def text(program):
    return ir.to_proto(program.graph).SerializeToString()


def check(program):
    invariants(program)
    onnx.checker.check_model(ir.to_proto(program.graph), full_check=True)


def matrix(rows, columns, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, columns)) / np.sqrt(rows)).astype(np.float32)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_net_is_converted_and_stays_near(dtype):
    program = residual()
    made, left = halved(program, dtype, extremes(program, samples(program)), samples(program))
    check(made)
    assert Nearness(program, samples(program), HALVES[dtype]).held(made) > NEAR_DB[dtype]
    assert made.inputs == program.inputs
    assert made.outputs == program.outputs
    assert ops(made)["Cast"] == 2
    assert bool(left) is (dtype == "bfloat16")  # Conv takes bfloat16 from operator set 22


def test_float16_agrees_where_it_really_runs():
    program = residual()
    made, _ = halved(program, "float16", {})
    for sample in samples(program, 4):
        want, got = (Oracle(p).run(sample.feeds)["y"] for p in (program, made))
        assert 0 < np.abs(want - got).max() < 5e-3 * np.abs(want).max()


def test_weights_take_half_the_room():
    program = residual()
    made, _ = halved(program, "float16", {})
    before, after = (
        sum(v.const_value.nbytes for v in p.graph.graph.initializers.values())
        for p in (program, made)
    )
    assert after == before / 2


def test_the_source_is_left_as_it_was():
    program = residual()
    before = text(program)
    halved(program, "float16", {}, samples(program))
    assert text(program) == before


def test_ports_may_become_16_bits_too():
    program = residual()
    made, _ = halved(program, "float16", extremes(program, samples(program)), keep_ports=False)
    check(made)
    assert [p.dtype for p in (*made.inputs, *made.outputs)] == ["float16", "float16"]
    assert ops(made)["Cast"] == 0


def test_a_tensor_near_the_end_of_the_range_keeps_its_ops_float():
    program = parsed(
        "(float[2,8] x) => (float[2,8] y)",
        "a = MatMul(x, w1)\nb = Mul(a, k)\nc = Relu(b)\nd = MatMul(c, w2)\ny = Tanh(d)",
        w1=matrix(8, 8), w2=matrix(8, 8, 1) / 30000, k=np.float32(30000),
    )  # fmt: skip
    _, blind = halved(program, "float16", {})
    made, left = halved(program, "float16", extremes(program, samples(program)))
    assert "b" not in blind
    assert "b reaches" in left["b"]
    assert {"b", "c", "d"} <= left.keys()
    assert "a" not in left
    check(made)


def test_what_is_not_near_is_put_back_with_the_reason():
    program = parsed(
        "(float[2,64] x) => (float[2,64] y)",
        "a = MatMul(x, w)\nb = Add(a, k)\nc = Sub(b, k)\ny = MatMul(c, w)",
        w=matrix(64, 64), k=np.float32(4096),
    )  # fmt: skip
    data = samples(program)
    ranges = extremes(program, data)
    near = Nearness(program, data, ir.DataType.FLOAT16)
    rules, _ = converted(program, "float16", ranges, {})
    made, left = halved(program, "float16", ranges, data)
    assert near.held(rules) < 20
    assert near.held(made) > NEAR_DB["float16"]
    assert any("dB from float32" in why for why in left.values())


def test_the_nearest_try_is_returned_where_none_is_near():
    program = residual()
    made, left = halved(program, "float16", {}, samples(program), near_db=400.0)
    assert Nearness(program, samples(program), ir.DataType.FLOAT16).held(made) == 200.0
    assert len(left) == sum(v for k, v in ops(program).items() if k != "Cast")


def test_branches_are_walked_and_their_results_are_halves():
    program = parsed(
        "(float[2,8] x, bool c) => (float[2,8] y)",
        """h = MatMul(x, w)
        z = If (c) <
          then_branch = then () => (float[2,8] t) { t = Sigmoid(h) },
          else_branch = other () => (float[2,8] e) { e = MatMul(h, w) } >
        y = MatMul(z, w)""",
        w=matrix(8, 8),
    )  # fmt: skip
    made, left = halved(program, "float16", {})
    check(made)
    assert not left
    assert ops(made)["Cast"] == 2
    for chosen in (True, False):
        feeds = {"x": matrix(2, 8), "c": np.array(chosen)}
        want, got = (Oracle(p).run(feeds)["y"] for p in (program, made))
        assert np.abs(want - got).max() < 1e-2 * np.abs(want).max()


def test_what_a_loop_carries_stays_float():
    program = parsed(
        "(float[2,8] x, int64 n, bool c) => (float[2,8] y)",
        """y = Loop (n, c, x) < body = step (int64 i, bool go, float[2,8] s)
             => (bool on, float[2,8] r) { on = Identity(go)
               m = MatMul(s, w)
               r = Tanh(m) } >""",
        w=matrix(8, 8),
    )  # fmt: skip
    made, left = halved(program, "float16", {})
    check(made)
    assert "step to step" in left["y"]
    feeds = {"x": matrix(2, 8), "n": np.array(3), "c": np.array(True)}
    want, got = (Oracle(p).run(feeds)["y"] for p in (program, made))
    assert 0 < np.abs(want - got).max() < 1e-2 * np.abs(want).max()
    assert ops(made)["Cast"] == 2


def test_a_quantized_part_is_untouched():
    program = parsed(
        "(float[1,8] x) => (float[1,8] y)",
        """q = QuantizeLinear(x, s, z)
        d = DequantizeLinear(q, s, z)
        m = MatMul(d, w)
        q2 = QuantizeLinear(m, s, z)
        d2 = DequantizeLinear(q2, s, z)
        r = Sigmoid(d2)
        y = MatMul(r, w2)""",
        s=np.float32(0.1), z=np.uint8(128), w=matrix(8, 8), w2=matrix(8, 8, 1),
    )  # fmt: skip
    made, left = halved(program, "float16", {})
    check(made)
    assert {"q", "d", "m", "q2", "d2", "r"} == left.keys()
    assert made.graph.graph.initializers["w"].dtype == ir.DataType.FLOAT
    assert made.graph.graph.initializers["w2"].dtype == ir.DataType.FLOAT16


def test_constants_written_as_nodes_are_converted():
    program = parsed(
        "(float[2,2] x) => (float[2,2] y)",
        "k = Constant <value = float[2,2] {1.5, 2.0, 3.0, 4.0}> ()\ny = MatMul(x, k)",
    )
    made, _ = halved(program, "float16", {})
    assert made.graph.graph.initializers["k"].dtype == ir.DataType.FLOAT16


def test_an_old_file_format_is_raised_to_one_that_holds_new_weights():
    program = parsed(
        "(float[2,2] x) => (float[2,2] y)",
        "k = Constant <value = float[2,2] {1.5, 2.0, 3.0, 4.0}> ()\ny = MatMul(x, k)",
    )
    program.graph.ir_version = 3
    made, _ = halved(program, "float16", {})
    check(made)
    assert made.graph.ir_version == 4


def test_a_program_of_another_standard_is_left_alone():
    made = graph.parse(
        """<ir_version: 9, opset_import: ["ai.onnx.ml": 3]>
        net (float[1,2] x) => (float[1,2] y) { y = ai.onnx.ml.Binarizer(x) }"""
    )
    changed, left = halved(made, "float16", {}, keep_ports=False)
    assert (text(changed), left) == (text(made), {})


def test_a_program_without_floats_is_as_it_was():
    program = parsed("(int64[2] x) => (int64[2] y)", "y = Add(x, x)")
    made, left = halved(program, "float16", {})
    assert (text(made), left) == (text(program), {})


def test_the_summary_counts_and_names_the_data():
    program = residual()
    _, plan, told = half(program, Precision.FP16, samples(program))
    assert told == "10 of 10 float ops in float16   observed on seeded noise"
    assert (dict(plan.tensors), dict(plan.left_float)) == ({}, {})


def test_data_that_does_not_fit_leaves_the_rules_and_is_said():
    wrong = Samples("odd data", lambda: iter([Sample({"x": np.zeros((7, 7), np.float32)})]))
    made, _, told = half(residual(), Precision.FP16, wrong)
    assert told.endswith("not held against float32: it does not run on odd data")
    assert count(made, "float16") == (9, 10)


STEPS = {
    "linear": "{o} = MatMul({a}, w{k})",
    "relu": "{o} = Relu({a})",
    "sigmoid": "{o} = Sigmoid({a})",
    "add": "{o} = Add({a}, {b})",
    "scale": "{o} = Mul({a}, k)",
    "eps": "{o} = Add({a}, tiny)",
    "softmax": "{o} = Softmax <axis = -1> ({a})",
    "norm": "{o} = LayerNormalization <axis = -1> ({a}, g)",
    "center": "{o}m = ReduceMean <axes = [1]> ({a})\n{o} = Sub({a}, {o}m)",
    "square": "{o}t = Tanh({a})\n{o} = Mul({o}t, {o}t)",
    "mask": "{o} = Where(m, big, {a})",
    "bound": "{o} = Max({a}, low)",
    "fold": "{o}r = Reshape({a}, s)\n{o}t = Transpose({o}r)\n{o} = Reshape({o}t, back)",
    "half": "{o}h = Cast <to = 10> ({a})\n{o} = Cast <to = 1> ({o}h)",
    "order": "{o}i, {o}j = TopK({a}, six)\n{o} = Mul({o}i, k)",
}


@st.composite
def programs(draw):
    """A random chain with residuals over a [2,6] tensor; constants that 16 bits cannot hold too."""
    lines, names = [], ["x"]
    for number in range(draw(st.integers(1, 10))):
        step = STEPS[draw(st.sampled_from(sorted(STEPS)))]
        a, b = (draw(st.sampled_from(names[-3:])) for _ in "ab")
        names.append(f"v{number}")
        lines.append(step.format(o=names[-1], a=a, b=b, k=number % 2))
    lines.append(f"y = MatMul({names[-1]}, w0)")
    if "mask" in "".join(lines) or "big" in "".join(lines):
        lines[-1] = f"p = Softmax <axis = -1> ({names[-1]})\ny = MatMul(p, w0)"
    return parsed(
        "(float[2,6] x) => (float[2,6] y)", "\n".join(lines),
        w0=matrix(6, 6), w1=matrix(6, 6, 1), k=np.float32(1.7), tiny=np.float32(1e-6),
        g=np.ones(6, np.float32), m=np.array([True] + [False] * 5), big=np.float32(-3.4e38),
        low=np.float32(-1e9), s=np.array([3, 4]), back=np.array([2, 6]), six=np.array([6]),
    )  # fmt: skip


@given(programs(), st.sampled_from(["float16", "bfloat16"]))
@settings(derandomize=True, deadline=None, max_examples=25)
def test_any_program_is_valid_and_near(program, dtype):
    data = samples(program, 3)
    made, _ = halved(program, dtype, extremes(program, data), data)
    check(made)
    assert Nearness(program, data, HALVES[dtype]).held(made) >= NEAR_DB[dtype]


@given(programs(), st.sampled_from(["float16", "bfloat16"]))
@settings(derandomize=True, deadline=None, max_examples=25)
def test_a_second_run_changes_nothing(program, dtype):
    ranges = extremes(program, samples(program, 3))
    once, _ = converted(program, dtype, ranges, {})
    twice, _ = converted(once, dtype, ranges, {})
    assert text(twice) == text(once)


@given(programs())
@settings(derandomize=True, deadline=None, max_examples=25)
def test_no_cast_undoes_another(program):
    made, _ = converted(program, "float16", extremes(program, samples(program, 3)), {})
    casts = [n for n in made.graph.graph if n.op_type == "Cast"]
    for cast in casts:
        maker = cast.inputs[0].producer()
        assert maker is None or maker.op_type != "Cast"
    read = [(c.inputs[0], c.attributes.get_int("to")) for c in casts]
    assert len(read) == len(set(read))
