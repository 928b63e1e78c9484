"""What a careless optimizer breaks is left correct, and the log says why it was left.

Everything goes through the whole optimizer; what comes out is run beside what went in.
"""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph, registry, rules
from mcompile.optimizer import optimize
from mcompile.oracle import Oracle
from mcompile.reference import random_feeds

RNG = np.random.default_rng(0)
CONTRIB = ', "com.microsoft" : 1'
IMAGE = "(float[2,3,8,8] x)"


def positive(*shape):
    return (RNG.random(shape) + 0.5).astype(np.float32)


NORMED = {"w": positive(4, 3, 3, 3) - 1, **{k: positive(4) for k in "sbmv"}}
NORM = "y = BatchNormalization(c, s, b, m, v)"


def parse(text, extra="", **weights):
    head = f'<ir_version: 8, opset_import: ["" : 17{extra}]> g '
    program = graph.parse(head + text, weights or NORMED)
    graph.infer_shapes(program)
    return program


def optimized(program, *feeds):
    """The program after the optimizer, and its log, once its numbers were found to be the same."""
    better, log = optimize(program)
    assert log.undone == ()
    for given in feeds or [random_feeds(program, seed) for seed in (5, 6)]:
        want, got = Oracle(program).run(given), Oracle(better).run(given)
        assert list(want) == list(got)
        for name, data in want.items():
            assert got[name].dtype == data.dtype
            np.testing.assert_allclose(got[name], data, rtol=1e-4, atol=1e-5)
    return better, log


def ops(program):
    return [n.op_type for n in program.graph.graph]


def reasons(log):
    return {(s.rule, s.reason) for s in log.skipped}


# A batch norm that is training: what it computes depends on the whole batch


def test_a_norm_in_training_mode_is_not_folded():
    text = IMAGE + " => (float[2,4,6,6] y, float[4] mean, float[4] var) { c = Conv(x, w)"
    norm = "y, mean, var = BatchNormalization <training_mode = 1> (c, s, b, m, v) }"
    better, log = optimized(parse(text + norm))
    assert ops(better) == ["Conv", "BatchNormalization"]
    assert ("fold_batchnorm", "the norm is in training mode") in reasons(log)


def test_a_norm_in_training_mode_keeps_its_statistics_though_nobody_reads_them():
    text = IMAGE + " => (float[2,4,6,6] y) { c = Conv(x, w)"
    norm = "y, mean, var = BatchNormalization <training_mode = 1> (c, s, b, m, v) }"
    better, log = optimized(parse(text + norm))
    assert [v.name for v in better.graph.graph[1].outputs] == ["y", "mean", "var"]
    why = "the number of its outputs says whether it is training"
    assert ("drop_unused_outputs", why) in reasons(log)


def test_a_dropout_in_training_mode_stays():
    text = "(float[64] x) => (float[64] y) { d = Dropout <seed = 1> (x, r, t) y = Neg(d) }"
    program = parse(text, r=np.float32(0.5), t=np.array(True))
    better, log = optimize(program)
    assert ops(better) == ["Dropout", "Neg"]
    assert [s.rule for s in log.skipped if s.node == "d"] == ["drop_identity"]


# Weights that several layers read


def test_a_weight_that_another_layer_reads_keeps_its_value():
    outputs = " => (float[2,4,6,6] y, float[2,4,6,6] z)"
    program = parse(f"{IMAGE}{outputs} {{ c = Conv(x, w) {NORM} n = Neg(x) z = Conv(n, w) }}")
    better, log = optimized(program)
    assert ("fold_batchnorm", "the weights w have other readers") in reasons(log)
    weight = better.graph.graph.initializers["w"].const_value.numpy()
    np.testing.assert_array_equal(weight, NORMED["w"])


def test_statistics_that_two_norms_share_are_folded_into_both():
    """Each is only read, so nothing stands against it."""
    outputs = " => (float[2,4,6,6] y, float[2,4,6,6] z)"
    second = "d = Conv(x, u) z = BatchNormalization(d, s, b, m, v)"
    program = parse(
        f"{IMAGE}{outputs} {{ c = Conv(x, w) {NORM} {second} }}",
        **NORMED, u=positive(4, 3, 3, 3),
    )  # fmt: skip
    assert "BatchNormalization" not in ops(optimized(program)[0])


def test_a_layer_that_others_read_is_not_changed_for_one_of_them():
    program = parse(
        f"{IMAGE} => (float[2,4,6,6] y, float[2,4,6,6] z) {{ c = Conv(x, w) {NORM} z = Relu(c) }}"
    )
    _, log = optimized(program)
    assert ("fold_batchnorm", "c has other readers") in reasons(log)


# Weights that the caller may override


@pytest.mark.parametrize("name", ["w", "s", "m"])
def test_a_weight_that_the_caller_may_give_is_no_constant(name):
    shape = ",".join(str(d) for d in NORMED[name].shape)
    inputs = f"(float[2,3,8,8] x, float[{shape}] {name})"
    program = parse(f"{inputs} => (float[2,4,6,6] y) {{ c = Conv(x, w) {NORM} }}")
    feeds = random_feeds(program, 5)
    better, log = optimized(program, feeds, {**feeds, name: 3 * NORMED[name]})
    assert ops(better) == ["Conv", "BatchNormalization"]
    assert ("fold_batchnorm", f"{name} is not a constant") in reasons(log)


def test_a_neutral_factor_that_the_caller_may_give_stays():
    text = "(float[2,4] x, float[4] k) => (float[2,4] y) { m = Mul(x, k) y = Neg(m) }"
    program = parse(text, k=np.ones(4, np.float32))
    feeds = random_feeds(program, 5)
    better, _ = optimized(program, feeds, {**feeds, "k": positive(4)})
    assert ops(better) == ["Mul", "Neg"]


# Outputs that are read inside as well


def test_an_inner_value_that_is_an_output_is_still_that_output():
    program = parse(f"{IMAGE} => (float[2,4,6,6] y, float[2,4,6,6] c) {{ c = Conv(x, w) {NORM} }}")
    _, log = optimized(program)
    assert ("fold_batchnorm", "c is an output") in reasons(log)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("a = Identity(x) y = Neg(a)", "drop_identity"),
        ("a = Reshape(x, k) y = Neg(a)", "drop_identity"),
        ("a = Add(x, z) y = Neg(a)", "drop_neutrals"),
    ],
)
def test_an_output_that_equals_an_input_is_made_by_a_node(body, rule):
    weights = {"k": np.array([2, 4]), "z": np.full((4,), -0.0, np.float32)}
    program = parse(f"(float[2,4] x) => (float[2,4] y, float[2,4] a) {{ {body} }}", **weights)
    better, log = optimized(program)
    assert len(ops(better)) == 2
    assert (rule, "it joins the input x to the output a") in reasons(log)


def test_a_constant_that_is_an_output_is_made_by_a_node():
    text = "(float[2] x) => (float[2] y, float[2] a) { a = Add(k, k) y = Add(x, a) }"
    _, log = optimized(parse(text, k=positive(2)))
    why = "a is an output, and an output is made by a node"
    assert ("fold_constants", why) in reasons(log)


# Ops of other domains


def test_two_equal_ops_of_another_domain_are_not_made_one():
    body = "a = com.microsoft.Gelu(x) b = com.microsoft.Gelu(x) y = Sub(a, b)"
    program = parse(f"(float[2,4] x) => (float[2,4] y) {{ {body} }}", CONTRIB, k=positive(1))
    better, log = optimized(program)
    assert ops(better) == ["Gelu", "Gelu", "Sub"]
    assert ("share_expressions", "an op of com.microsoft may have a state") in reasons(log)


def test_an_op_of_another_domain_is_not_computed_before_its_time():
    body = "a = com.microsoft.Gelu(k) y = Add(x, a)"
    program = parse(f"(float[2,4] x) => (float[2,4] y) {{ {body} }}", CONTRIB, k=positive(2, 4))
    better, log = optimized(program)
    assert ops(better) == ["Gelu", "Add"]
    why = "what an op of com.microsoft computes is only known at run time"
    assert ("fold_constants", why) in reasons(log)


def test_what_stands_around_an_op_of_another_domain_is_optimized():
    body = "i = Identity(x) a = com.microsoft.Gelu(i) n = Neg(a) y = Neg(n)"
    program = parse(f"(float[2,4] x) => (float[2,4] y) {{ {body} }}", CONTRIB, k=positive(1))
    better, _ = optimized(program)
    assert [(n.domain, n.op_type) for n in better.graph.graph] == [("com.microsoft", "Gelu")]


def test_an_op_that_only_shares_the_name_of_a_layer_is_none():
    """No runtime here knows it, so the rules are run without the rest."""
    program = parse(
        f"{IMAGE} => (float[2,4,6,6] y) {{ c = my.lib.Conv(x, w) i = Identity(c)"
        " y = BatchNormalization(i, s, b, m, v) }",
        ', "my.lib" : 1',
    )
    logs = [rules.run(program, chosen) for _, chosen in rules.by_phase(registry.rules())]
    assert ops(program) == ["Conv", "BatchNormalization"]
    skipped = {(s.rule, s.reason) for log in logs for s in log.skipped}
    assert ("fold_batchnorm", "what a Conv of my.lib computes is not known") in skipped


# Sizes that are only known when the model runs


def test_a_free_batch_and_free_sizes_do_not_keep_a_norm_from_being_folded():
    program = parse(f"(float[N,3,H,W] x) => (float[N,4,A,B] y) {{ c = Conv(x, w) {NORM} }}")
    feeds = [
        {"x": RNG.standard_normal((n, 3, h, h)).astype(np.float32)} for n, h in ((1, 5), (3, 9))
    ]
    assert ops(optimized(program, *feeds)[0]) == ["Conv"]


DYNAMIC = {
    "a shape that is given": (
        "(float[N,C] x, int64[2] p) => (float[A,B] y) { r = Reshape(x, p) y = Neg(r) }",
        [{"x": (2, 6), "p": [3, 4]}, {"x": (1, 4), "p": [2, -1]}],
        ("fold_reshape_target", "2 of its sizes are only known at run time"),
    ),
    "an expansion that changes nothing here": (
        "(float[N,C] x, int64[2] p) => (float[A,B] y) { r = Expand(x, p) y = Neg(r) }",
        [{"x": (1, 3), "p": [4, 3]}, {"x": (2, 3), "p": [1, 3]}],
        None,
    ),
    "a slice up to an end that is given": (
        "(float[N,4] x, int64[1] p) => (float[M,4] y) { r = Slice(x, z, p) y = Neg(r) }",
        [{"x": (5, 4), "p": [5]}, {"x": (5, 4), "p": [2]}],
        None,
    ),
    "a padding that is given": (
        "(float[N,3,8,8] x, int64[8] p) => (float[N,4,A,B] y) { r = Pad(x, p) y = Conv(r, w) }",
        [{"x": (1, 3, 8, 8), "p": [0, 0, 1, 1, 0, 0, 1, 1]}, {"x": (2, 3, 8, 8), "p": [0] * 8}],
        ("fold_pad", "how much is padded is only known at run time"),
    ),
    "a sum that may broadcast": (
        "(float[N,4] x, float[M,4] u) => (float[K,4] y) { r = Add(x, u) y = Sub(r, u) }",
        [{"x": (1, 4), "u": (3, 4)}, {"x": (3, 4), "u": (1, 4)}],
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", DYNAMIC)
def test_what_depends_on_sizes_at_run_time_stays(kind):
    text, cases, skip = DYNAMIC[kind]
    program = parse(text, z=np.array([0]), w=NORMED["w"])
    feeds = [
        {n: RNG.standard_normal(v).astype(np.float32) if n != "p" else np.array(v)
         for n, v in case.items()}
        for case in cases
    ]  # fmt: skip
    better, log = optimized(program, *feeds)
    assert ops(better) == ops(program)
    if skip is not None:
        assert skip in reasons(log)
