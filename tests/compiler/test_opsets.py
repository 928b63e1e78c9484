"""Old operator sets raised, and held against what they were."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.opsets import raised
from mcompile.oracle import Oracle
from mcompile.types import Program


def old(body: str, opset: int, shape: str = "1,2,3,3", **weights: np.ndarray) -> Program:
    head = f'<ir_version: 7, opset_import: ["": {opset}]>'
    return graph.parse(f"{head} n (float[{shape}] x) => (float y) {{ {body} }}", weights)


SIZES = np.array([1, 1, 2, 2], np.float32)
CASES = {
    "upsample nearest 9": old('y = Upsample <mode = "nearest"> (x, s)', 9, s=SIZES),
    "upsample linear 9": old('y = Upsample <mode = "linear"> (x, s)', 9, s=SIZES),
    "resize linear 10": old('y = Resize <mode = "linear"> (x, s)', 10, s=SIZES),
    "resize nearest 10": old('y = Resize <mode = "nearest"> (x, s)', 10, s=SIZES * 1.5),
    "clip 6": old("y = Clip <min = 0.0, max = 1.0> (x)", 9),
    "squeeze 11": old("y = Squeeze <axes = [0]> (x)", 11),
}


@pytest.mark.parametrize("program", CASES.values(), ids=CASES)
def test_a_raised_program_computes_what_it_did(program: Program) -> None:
    higher = raised(program)
    assert higher is not None
    assert graph.opset(higher) == 13
    feeds = {"x": np.random.default_rng(0).standard_normal((1, 2, 3, 3)).astype(np.float32)}
    want, got = Oracle(program).run(feeds)["y"], Oracle(higher).run(feeds)["y"]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_a_program_of_today_is_left_alone() -> None:
    assert raised(old("y = Neg(x)", 17)) is None
