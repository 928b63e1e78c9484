"""What every test of a rule asks for: the graph as text, and its numbers before and after."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.reference import random_feeds
from mcompile.types import Array, Program

Parse = Callable[..., Program]


@pytest.fixture
def parse() -> Parse:
    """A program from the body of an ONNX text, its types inferred."""

    def make(text: str, opset: int = 17, **weights: Array) -> Program:
        head = f'<ir_version: 8, opset_import: ["" : {opset}]>'
        program = graph.parse(head + text, weights)
        graph.infer_shapes(program)
        return program

    return make


@pytest.fixture
def body() -> Callable[[Program], list[str]]:
    """Each node as a line, in order."""

    def lines(program: Program) -> list[str]:
        return [
            f"{', '.join(v.name for v in n.outputs)} = "
            f"{n.op_type}({', '.join(v.name if v else '' for v in n.inputs)})"
            for n in program.graph.graph
        ]

    return lines


@pytest.fixture
def far() -> Callable[[Program, Program], float]:
    """The largest difference between two programs relative to the largest output, three inputs."""

    def largest(one: Program, other: Program) -> float:
        worst = 0.0
        for seed in range(3):
            feeds = random_feeds(one, seed)
            want, got = Oracle(one).run(feeds), Oracle(other).run(feeds)
            assert list(want) == list(got)
            for name, expected in want.items():
                assert got[name].shape == expected.shape
                assert got[name].dtype == expected.dtype
                scale = max(float(np.abs(expected).max(initial=0)), 1e-30)
                wide = got[name].astype(np.float64) - expected.astype(np.float64)
                worst = max(worst, float(np.abs(wide).max(initial=0)) / scale)
        return worst

    return largest
