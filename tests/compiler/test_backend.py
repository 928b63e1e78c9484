"""What every backend and executor has without writing it."""

from __future__ import annotations

import pytest

from mcompile.backend import Backend, Executor
from mcompile.targets import load
from mcompile.types import Scheme


class Counting(Executor):
    def __init__(self) -> None:
        self.closed = 0

    def run(self, feeds):
        return feeds

    def close(self) -> None:
        self.closed += 1


class Bare(Backend):
    name, title, precisions = "bare", "Bare", frozenset()
    scheme = Scheme("uint8", "int8")

    def lower(self, program, target, out):
        raise NotImplementedError

    def open(self, *_):
        return Counting()


def test_leaving_the_block_frees_what_the_runtime_holds() -> None:
    with Counting() as executor:
        assert executor.closed == 0
    assert executor.closed == 1


def test_leaving_by_an_error_frees_it_too_and_lets_the_error_out() -> None:
    executor = Counting()
    with pytest.raises(KeyError), executor:
        raise KeyError
    assert executor.closed == 1


def test_a_runtime_that_cannot_time_its_layers_tells_of_none() -> None:
    assert list(Counting().layers({}, 3)) == []


def test_the_arithmetic_is_the_same_on_every_device_unless_said() -> None:
    assert Bare().scheme_on(load("cpu-server")) is Bare.scheme
    assert Bare().scheme_on(load("cortex-m4")) is Bare.scheme


@pytest.mark.parametrize("base", [Backend, Executor])
def test_a_backend_must_say_what_only_it_can_know(base: type) -> None:
    with pytest.raises(TypeError, match="abstract"):
        base()
