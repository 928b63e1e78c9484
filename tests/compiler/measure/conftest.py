"""Executors that need no runtime of their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mcompile import graph
from mcompile.backend import Executor
from mcompile.oracle import Oracle
from mcompile.types import Feeds, Program

LINEAR = """<ir_version: 8, opset_import: ["": 17]>
net (float[N, 4] x) => (float[N, 3] y) { y = MatMul(x, w) }"""


class Reference(Executor):
    """The oracle as an executor, its outputs changed by `spoil`; notes its calls in `calls`."""

    def __init__(self, program: Program, spoil: Callable[[Feeds], Feeds] = lambda f: f) -> None:
        self._oracle = Oracle(program, threads=1)
        self._spoil = spoil
        self.calls: list[Feeds] = []

    def run(self, feeds: Feeds) -> Feeds:
        """Outputs by name."""
        self.calls.append(feeds)
        return self._spoil(self._oracle.run(feeds))

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def linear() -> Program:
    """y = x W with seeded weights and an open batch."""
    weights = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    return graph.parse(LINEAR, {"w": weights})


@pytest.fixture
def feeds() -> Feeds:
    """One seeded input of `linear`."""
    return {"x": np.random.default_rng(1).standard_normal((1, 4)).astype(np.float32)}


@pytest.fixture
def executor() -> type[Reference]:
    """The class of executor, to be built over a program."""
    return Reference
