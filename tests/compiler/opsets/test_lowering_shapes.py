"""Ops that cut, pad, resize and shape, told of all axes; `test_lowering` has one case of each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.opsets.versions import converted
from mcompile.oracle import Oracle
from mcompile.types import Program


def new(body: str, shape: str = "2,4,3,6", **weights: np.ndarray) -> Program:
    head = '<ir_version: 8, opset_import: ["": 18]>'
    return graph.parse(f"{head} n (float[{shape}] x) => (float y) {{ {body} }}", weights)


def computed(program: Program, shape: tuple[int, ...] = (2, 4, 3, 6)) -> np.ndarray:
    data = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return Oracle(program).run({"x": data})["y"]


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


@pytest.mark.parametrize("size", [4, 5, 7])
def test_a_size_that_is_not_known_is_split_when_the_model_runs(size: int) -> None:
    program = new("z, y = Split <num_outputs = 2> (x)", "N")
    lower = converted(program, 13)
    np.testing.assert_array_equal(computed(lower, (size,)), computed(program, (size,)))


def test_axes_are_spread_where_sizes_are_not_known() -> None:
    program = new('y = Resize <mode = "nearest", axes = [1]> (x, , , s)', "N,M", s=ints(6))
    lower = converted(program, 13)
    np.testing.assert_array_equal(computed(lower, (3, 2)), computed(program, (3, 2)))


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.data())
def test_any_pad_of_axes_is_a_pad_of_all(data: st.DataObject) -> None:
    axes = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True))
    signed = [a - 4 if data.draw(st.booleans()) else a for a in axes]
    pads = data.draw(st.lists(st.integers(0, 3), min_size=2 * len(axes), max_size=2 * len(axes)))
    program = new("y = Pad (x, p, , a)", p=ints(*pads), a=ints(*signed))
    lower = converted(program, 13)
    np.testing.assert_array_equal(computed(lower), computed(program))


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.permutations([0, 1, 2, 3]), st.integers(1, 4), st.booleans())
def test_any_resize_of_axes_is_a_resize_of_all(order: list[int], many: int, sized: bool) -> None:
    axes = order[:many]
    chosen = [(2, 4, 3, 6)[a] * 2 for a in axes]
    given_by = "(x, , , s)" if sized else "(x, , s)"
    numbers = ints(*chosen) if sized else np.full(many, 2, np.float32)
    program = new(f"y = Resize <axes = [{', '.join(map(str, axes))}]> {given_by}", s=numbers)
    np.testing.assert_array_equal(computed(converted(program, 13)), computed(program))


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.integers(-7, 7), st.one_of(st.none(), st.integers(-7, 7)))
def test_any_part_of_a_shape_is_a_slice_of_it(start: int, end: int | None) -> None:
    told = f"start = {start}" + ("" if end is None else f", end = {end}")
    program = new(f"s = Shape <{told}> (x) \n y = Cast <to = 1> (s)")
    np.testing.assert_array_equal(computed(converted(program, 13)), computed(program))


@pytest.mark.parametrize("parts", [1, 2, 3, 6])
@pytest.mark.parametrize("known", [True, False])
def test_any_number_of_parts_is_told_by_their_sizes(parts: int, known: bool) -> None:
    names = ", ".join(["y", *(f"z{k}" for k in range(1, parts))][::-1])
    program = new(f"{names} = Split <num_outputs = {parts}> (x)", "6" if known else "N")
    lower = converted(program, 13)
    np.testing.assert_array_equal(computed(lower, (6,)), computed(program, (6,)))
