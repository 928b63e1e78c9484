"""Bias correction: exact, sequential, and left out where it would not help."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.correct import corrections

from .nets import SCHEME, residual, samples


@pytest.fixture(scope="module")
def coarse():
    """A program whose weights are so coarse that its outputs are biased."""
    program = residual(3)
    found = plan(program, observe(program, samples(program, 32)), SCHEME)
    tensors = {
        n: replace(p, scale=p.scale * np.float32(12)) if p.axis is not None else p
        for n, p in found.tensors.items()
    }
    return program, replace(found, tensors=tensors)


def fed(program, count=16, seed=1):
    return [s.feeds for s in samples(program, count, seed)]


def error(program, other, name, feeds):
    one, two = Oracle(program, [name]), Oracle(other, [name])
    errors = [one.run(f)[name].astype(np.float64) - two.run(f)[name] for f in feeds]
    return np.concatenate(errors)


def test_the_mean_error_of_a_layer_is_gone_on_the_samples_it_was_taken_from(coarse):
    program, found = coarse
    feeds = fed(program, 64)
    shifts = corrections(program, found, SCHEME, feeds)
    before, after = (
        insert(program, found, SCHEME),
        insert(program, replace(found, shifts=shifts), SCHEME),
    )
    was = np.abs(error(program, before, "c0", feeds).mean(axis=(0, 2, 3))).max()
    left = np.abs(error(program, after, "c0", feeds).mean(axis=(0, 2, 3))).max()
    assert left < 0.1 * was


def test_other_samples_are_nearer_too(coarse):
    program, found = coarse
    shifts = corrections(program, found, SCHEME, fed(program))
    held_out = fed(program, 16, seed=9)
    before, after = (
        insert(program, found, SCHEME),
        insert(program, replace(found, shifts=shifts), SCHEME),
    )
    was, now = (float((error(program, p, "y", held_out) ** 2).sum()) for p in (before, after))
    assert now < 0.8 * was


def test_each_layer_sees_the_corrected_ones_before_it(coarse):
    """What is computed in pieces is what running the whole program for each layer gives."""
    program, found = coarse
    feeds = fed(program)
    shifts = corrections(program, found, SCHEME, feeds)
    done = {}
    for name, shift in shifts.items():
        so_far = insert(program, replace(found, shifts=done), SCHEME)
        wrong = error(program, so_far, name, feeds)
        means = wrong.mean(axis=(2, 3)) if wrong.ndim == 4 else wrong
        mean = means.mean(axis=0)
        share = 1 - means.var(axis=0, ddof=1).sum() / len(feeds) / (mean**2).sum()
        # A bias is written in steps of its own, which are twelve times as coarse here.
        np.testing.assert_allclose(shift, mean * share, atol=3e-3)
        done[name] = shift
    assert len(done) > 1


def test_a_layer_whose_error_is_chance_keeps_its_bias(coarse):
    program, found = coarse
    exact = {
        n: replace(p, scale=p.scale / np.float32(12)) if p.axis is not None else p
        for n, p in found.tensors.items()
    }
    few = corrections(program, replace(found, tensors=exact), SCHEME, fed(program, 3))
    many = corrections(program, found, SCHEME, fed(program, 3))
    assert len(few) < len(many)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_samples_correct_nothing(coarse, count):
    program, found = coarse
    assert corrections(program, found, SCHEME, fed(program, count)) == {}


def test_float_layers_are_not_corrected(coarse):
    program, found = coarse
    kept = replace(found, left_float={"a0": "kept"})
    assert "a0" not in corrections(program, kept, SCHEME, fed(program))


def test_a_program_without_layers_has_nothing_to_correct():
    program = graph.parse(
        '<ir_version: 8, opset_import: ["": 17]> g (float[1,4] x) => (float[1,4] y) { y = Tanh(x) }'
    )
    found = plan(program, observe(program, samples(program)), SCHEME)
    assert corrections(program, found, SCHEME, fed(program)) == {}


def test_memory_that_is_short_leaves_fewer_samples_not_another_result(coarse):
    program, found = coarse
    few = corrections(program, found, SCHEME, fed(program, 16), held=400_000)
    assert few
    assert all(np.isfinite(s).all() for s in few.values())
