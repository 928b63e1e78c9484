"""Runtimes that are given the same program share it, and what was observed on it."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest

from mcompile.oracle import Oracle
from mcompile.quantize import observe
from mcompile.record import Log
from mcompile.request import resolve
from mcompile.rules import Phase
from mcompile.samples import open_samples
from mcompile.shared import Shared, phases_for

from .conftest import asked, inputs, program


def requests(tmp_path, precision):
    """The same build for both runtimes of the profile."""
    one = asked(tmp_path, precision, backend="onnxruntime")
    return one, resolve(one.source, replace(one.options, backend="openvino"))


def optimized(store, request, made):
    return store.optimized(request, lambda: (made.append(program()) or made[-1], Log()))


def test_integers_of_both_runtimes_begin_with_one_program(tmp_path) -> None:
    made: list = []
    with Shared() as store:
        (first, _), known = optimized(store, requests(tmp_path, "int8")[0], made)
        (other, _), again = optimized(store, requests(tmp_path, "int8")[1], made)
    assert first is other
    assert (known, again, len(made)) == (False, True, 1)


def test_float_programs_are_spelled_for_each_runtime(tmp_path) -> None:
    one, other = requests(tmp_path, "fp32")
    assert Phase.SPELL in phases_for(one)
    made: list = []
    with Shared() as store:
        assert not optimized(store, one, made)[1]
        assert not optimized(store, other, made)[1]
    assert len(made) == 2


def test_runtimes_of_different_caps_share_nothing(tmp_path) -> None:
    one, other = requests(tmp_path, "int8")
    older = replace(other.target, runtime=replace(other.target.runtime, max_opset=20))
    with Shared() as store:
        assert not optimized(store, one, [])[1]
        assert not optimized(store, replace(other, target=older), [])[1]


@pytest.fixture
def ran(monkeypatch):
    """The tensors that a model was run for, one set an observation."""
    module, seen = import_module("mcompile.quantize.observe"), []

    def spy(given, also, *rest, **more):
        seen.append({*also})
        return Oracle(given, also, *rest, **more)

    monkeypatch.setattr(module, "Oracle", spy)
    return seen


def ends(ranges):
    return {n: (r.low, r.high, r.percentile(99.0)) for n, r in ranges.items()}


def test_one_program_is_observed_once(tmp_path, ran) -> None:
    one, other = requests(tmp_path, "int8")
    given = program()
    data = open_samples(inputs(4), given.inputs)
    with Shared() as store:
        first, how = store.ranges(one, given, data)
        again, then = store.ranges(other, given, data)
    assert again is first
    assert (len(ran), how, then) == (1, "", ", all of them before")


def test_of_a_program_that_differs_only_what_is_new_is_observed(tmp_path, ran) -> None:
    one, other = requests(tmp_path, "int8")
    older = replace(other.target, runtime=replace(other.target.runtime, max_opset=20))
    given, changed = program(), program()
    next(n for n in changed.graph.graph if n.op_type == "Add").op_type = "Sub"
    data = open_samples(inputs(4), given.inputs)
    alone = observe(changed, data, one.threads)
    with Shared() as store:
        store.optimized(one, lambda: (given, Log()))
        store.optimized(replace(other, target=older), lambda: (changed, Log()))
        ran.clear()
        store.ranges(one, given, data)
        found, how = store.ranges(other, changed, data)
    assert how == ", those of an earlier runtime not again"
    assert ran[0] >= {"a0", "b", "s"}
    assert ran[1] == {"s", "c0", "c", "g", "f", "y"}
    assert ends(found) == ends(alone)


def test_what_was_kept_for_the_next_runtime_is_gone_at_the_end(tmp_path) -> None:
    one, other = requests(tmp_path, "fp32")
    given = program()
    with Shared() as store:
        store.optimized(one, lambda: (given, Log()))
        store.optimized(other, lambda: (program(), Log()))
        store.ranges(one, given, open_samples(inputs(2), given.inputs))
        place = store._kept()
        assert place.is_file()
    assert not place.parent.exists()
