"""Codes and shifts of all layers: nearer than biases alone, stopped, resumed, and bounded."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile import graph
from mcompile.errors import UsageError
from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.correct import corrections
from mcompile.quantize.refine import refine
from mcompile.quantize.weights import encode

from .nets import SCHEME, residual, samples

SATURATING = replace(SCHEME, pair_saturates=True)
WEIGHTS = {"w1", "w2", "w3", "w4"}


def planned(program, scheme=SCHEME, coarse=1):
    found = plan(program, observe(program, samples(program, 16)), scheme)
    tensors = {
        n: replace(p, scale=p.scale * np.float32(coarse)) if p.axis is not None else p
        for n, p in found.tensors.items()
    }
    return replace(found, tensors=tensors)


@pytest.fixture(scope="module")
def coarse():
    """A program whose weights are so coarse that roundings are most of its noise."""
    program = residual(3)
    return program, planned(program, coarse=12)


def fed(program, count=12, seed=1):
    return [s.feeds for s in samples(program, count, seed)]


def noise(program, found, name="y"):
    """The error of a value on samples that nothing was learned from."""
    one, other = Oracle(program, [name]), Oracle(insert(program, found, SCHEME), [name])
    feeds = fed(program, 24, seed=9)
    return sum(float(((one.run(f)[name] - other.run(f)[name]) ** 2).sum()) for f in feeds)


def same(one, other):
    assert {*one.codes} == {*other.codes}
    assert {*one.shifts} == {*other.shifts}
    for name, codes in one.codes.items():
        np.testing.assert_array_equal(codes, other.codes[name])
    for name, shift in one.shifts.items():
        np.testing.assert_allclose(shift, other.shifts[name], atol=1e-6)


def test_codes_and_shifts_leave_less_error_than_shifts_alone(coarse):
    program, found = coarse
    shifted = replace(found, shifts=corrections(program, found, SCHEME, fed(program)))
    refined = refine(program, found, SCHEME, fed(program))
    assert {"w2", "w3"} <= {*refined.codes} <= WEIGHTS
    assert noise(program, refined) < noise(program, shifted)
    assert noise(program, refined, "c0") < 0.9 * noise(program, shifted, "c0")
    assert refined.tensors == found.tensors


def test_the_given_plan_and_program_are_left_as_they_were(coarse):
    program, found = coarse
    before = {n: graph.array(v).copy() for n, v in program.graph.graph.initializers.items()}
    refine(program, found, SCHEME, fed(program, 4))
    assert not found.codes
    assert not found.shifts
    for name, data in before.items():
        np.testing.assert_array_equal(graph.array(program.graph.graph.initializers[name]), data)


def test_no_pair_of_any_layer_can_overflow():
    program = residual(5)
    found = refine(program, planned(program, SATURATING), SATURATING, fed(program))
    assert found.codes
    for name, codes in found.codes.items():
        assert codes.dtype == np.int8
        assert codes.min() >= -127
        wide = np.moveaxis(codes.astype(int), 1, -1) if codes.ndim == 4 else codes.astype(int)
        row = wide.reshape(len(codes), -1)
        pairs = np.pad(row, ((0, 0), (0, row.shape[1] % 2))).reshape(len(codes), -1, 2)
        assert np.maximum(pairs, 0).sum(2).max() * 255 <= 32767, name
        assert np.minimum(pairs, 0).sum(2).min() * 255 >= -32768, name


def test_codes_stay_near_the_nearest_ones(coarse):
    program, found = coarse
    for name, codes in refine(program, found, SCHEME, fed(program)).codes.items():
        weight = graph.array(program.graph.graph.initializers[name])
        assert codes.shape == weight.shape
        apart = np.abs(codes.astype(int) - encode(weight, found.tensors[name]))
        assert 0 < apart.max() <= 3


@pytest.mark.parametrize("count", [0, 2])
def test_too_few_samples_change_nothing(coarse, count):
    program, found = coarse
    assert refine(program, found, SCHEME, fed(program, count)) is found


def test_it_stops_when_it_is_told_to_and_says_how_far_it_is(coarse):
    program, found = coarse
    told = []
    half = refine(
        program, found, SCHEME, fed(program, 6),
        progress=lambda done, total: told.append((done, total)), stop=lambda: len(told) == 2,
    )  # fmt: skip
    assert told == [(1, 4), (2, 4)]
    assert {*half.codes} <= {"w1", "w2"}
    assert {*half.shifts} <= {"a0", "b"}
    assert half.codes


def test_a_pass_that_was_stopped_goes_on_where_it_ended(coarse, tmp_path):
    program, found = coarse
    kept, told = tmp_path / "layers.npz", []
    whole = refine(program, found, SCHEME, fed(program))
    refine(
        program, found, SCHEME, fed(program), kept=kept,
        progress=lambda done, _: told.append(done), stop=lambda: len(told) == 2,
    )  # fmt: skip
    resumed = refine(
        program, found, SCHEME, fed(program), kept=kept, progress=lambda done, _: told.append(done)
    )
    assert told == [1, 2, 3, 4]
    assert {*resumed.codes} == {*whole.codes}
    for name in {"w1", "w2"} & {*whole.codes}:
        np.testing.assert_array_equal(resumed.codes[name], whole.codes[name])
    # Biases of layers done before are of integers now: what follows differs by their steps.
    assert noise(program, resumed) < 1.5 * noise(program, whole)
    same(refine(program, found, SCHEME, fed(program), kept=kept), resumed)


def test_a_pass_that_was_killed_keeps_what_it_wrote(coarse, tmp_path, monkeypatch):
    program, found = coarse
    kept = tmp_path / "layers.npz"
    monkeypatch.setattr("mcompile.quantize.refine._BETWEEN_S", -1.0)

    def killed(done, total):
        if (done, total) == (3, 4):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refine(program, found, SCHEME, fed(program, 6), kept=kept, progress=killed)
    told = []
    refine(
        program, found, SCHEME, fed(program, 6), kept=kept,
        progress=lambda done, _: told.append(done),
    )  # fmt: skip
    assert told == [3, 4]


def test_layers_of_other_samples_are_refused(coarse, tmp_path):
    program, found = coarse
    kept = tmp_path / "layers.npz"
    refine(program, found, SCHEME, fed(program, 4), kept=kept)
    with pytest.raises(UsageError, match="another model, plan or samples"):
        refine(program, found, SCHEME, fed(program, 4, seed=2), kept=kept)


def test_a_weight_that_two_layers_share_keeps_its_nearest_codes():
    rng = np.random.default_rng(0)
    program = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[4,8] x) => (float[4,8] y) {
          h = MatMul(x, w)
          t = Tanh(h)
          k = MatMul(t, w)
          y = MatMul(k, v)
        }""",
        {n: rng.standard_normal((8, 8)).astype(np.float32) for n in "wv"},
    )
    graph.infer_shapes(program)
    found = refine(program, planned(program, coarse=12), SCHEME, fed(program))
    assert {*found.codes} == {"v"}
    assert not found.shifts  # nothing here has a bias


def test_memory_that_is_short_leaves_fewer_rows_not_nothing(coarse):
    program, found = coarse
    refined = refine(program, found, SCHEME, fed(program), held=400_000)
    assert refined.codes
    assert noise(program, refined) < noise(program, found)


@pytest.mark.parametrize(
    ("limit", "most"), [("MOST_INPUTS", 20), ("MOST_EACH", 300), ("MOST_WEIGHTS", 600)]
)
def test_layers_that_are_too_large_keep_their_nearest_codes(coarse, monkeypatch, limit, most):
    """Moments take the square of a layer's inputs, and codes are held until the file is written."""
    program, found = coarse
    everything = {*refine(program, found, SCHEME, fed(program)).codes}
    monkeypatch.setattr(f"mcompile.quantize.refine.{limit}", most)
    some = {*refine(program, found, SCHEME, fed(program)).codes}
    assert some < everything
    sizes = {n: v.const_value.size for n, v in program.graph.graph.initializers.items()}
    if limit == "MOST_WEIGHTS":
        assert sum(sizes[n] for n in some) <= most
