"""What the runtimes compute of the same integers, two by two: op by op, and model by model.

A further backend joins by being there. One that computes on integers alone takes its own types of
them only: op by op it is held against ONNX Runtime in tests of its own, here under its own plan.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from mcompile import registry
from mcompile.backend import Backend
from mcompile.oracle import Oracle
from mcompile.profile import Device, Target
from mcompile.quantize import insert, observe, plan
from mcompile.types import Precision, Scheme

from .models import MODELS, build, noise
from .singles import SINGLES, case

STEPS, GAP_DB, SAMPLES = 1, 0.5, 32
ISA = ("avx2",)  # plans for the least of x86 are exact on all of it: no sum saturates


def _able(found) -> bool:
    return isinstance(found, Backend) and Precision.INT8 in found.precisions


BACKENDS = {n: b for n, b in sorted(registry.backends().items()) if _able(b)}
LENIENT = [
    n
    for n, b in BACKENDS.items()
    if not b.scheme.integer_only and not b.scheme.symmetric_activations
]
PAIRS = list(combinations(LENIENT, 2))


def _runs(runtime: str, planner: str) -> bool:
    """Whether it computes that one's plan as it is, and quantizes nothing of its own beside it."""
    own, plan_of = BACKENDS[runtime].scheme, BACKENDS[planner].scheme
    return runtime == planner or (runtime in LENIENT and plan_of.fills_in >= own.fills_in)


TRIPLES = [
    (one, other, planner)
    for one, other in combinations(BACKENDS, 2)
    for planner in BACKENDS
    if _runs(one, planner) and _runs(other, planner)
]
pytestmark = pytest.mark.skipif(not PAIRS, reason="one runtime has nobody to agree with")


def target(backend: str) -> Target:
    return Target("desk", "this machine", backend, Precision.INT8, Device("x86_64", ISA))


def scheme(backend: str) -> Scheme:
    return BACKENDS[backend].scheme_on(target(backend))


def ran(backend: str, program, feeds) -> list[dict[str, np.ndarray]]:
    """What the backend's artifact of the program makes of each of the inputs."""
    with tempfile.TemporaryDirectory() as folder:
        artifact = BACKENDS[backend].lower(program, target(backend), Path(folder))
        with BACKENDS[backend].open(artifact, Path(folder), 1) as executor:
            return [executor.run(f) for f in feeds]


@cache
def single(name: str):
    """One plan for all: the scales of the pairs are those of the op, not of a scheme."""
    return case(name, replace(scheme(LENIENT[0]), pair_saturates=True))


@cache
def codes(backend: str, name: str) -> np.ndarray:
    held = single(name)
    return np.stack([held.codes(y["y"]) for y in ran(backend, held.program, held.feeds)])


@pytest.mark.parametrize("name", SINGLES)
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_runtimes_are_within_a_step_of_each_other(one, other, name):
    first, second = codes(one, name), codes(other, name)
    assert len(np.unique(first)) > 30  # it says something about the whole range
    assert np.abs(first - second).max() <= STEPS


@pytest.mark.parametrize("name", SINGLES)
@pytest.mark.parametrize("runtime", LENIENT)
def test_a_runtime_is_within_a_step_of_the_pairs_as_they_are_written(runtime, name):
    held = single(name)
    written = Oracle(held.program)
    wanted = np.stack([held.codes(written.run(f)["y"]) for f in held.feeds])
    assert np.abs(codes(runtime, name) - wanted).max() <= STEPS


@cache
def seen(model: str):
    program, oracle = build(model), Oracle(build(model))
    feeds = [s.feeds for s in noise(program, SAMPLES, seed=11)]
    return program, observe(program, noise(program)), feeds, [oracle.run(f) for f in feeds]


@cache
def decibels(backend: str, model: str, planner: str) -> float:
    """The artifact's SQNR against float, under the plan of that backend's scheme."""
    program, ranges, feeds, wanted = seen(model)
    quantized = insert(program, plan(program, ranges, scheme(planner)), scheme(planner))
    signal = noisy = 0.0
    for want, got in zip(wanted, ran(backend, quantized, feeds), strict=True):
        for name, reference in want.items():
            signal += float((reference.astype(np.float64) ** 2).sum())
            noisy += float(((reference.astype(np.float64) - got[name]) ** 2).sum())
    if not noisy:
        return 100.0
    return min(100.0, 10 * np.log10(signal / noisy))  # nothing on integers: rounding alone


@pytest.mark.parametrize("model", sorted(MODELS))
@pytest.mark.parametrize(("one", "other", "planner"), TRIPLES)
def test_two_runtimes_lose_the_same_to_one_plan(one, other, planner, model):
    assert abs(decibels(one, model, planner) - decibels(other, model, planner)) <= GAP_DB
