"""The first value that leaves the reference is found, and by how much."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.measure.drift import drift, first_jump
from mcompile.types import Program, Sample, Samples

CHAIN = """<ir_version: 8, opset_import: ["": 17]>
net (float[N, 4] x) => (float[N, 4] y) {
  a = MatMul(x, w)
  i = ArgMax(a)
  b = Relu(a)
  y = MatMul(b, v) }"""


def chain(noise: float = 0.0) -> Program:
    rng = np.random.default_rng(0)
    w, v = (rng.standard_normal((4, 4)).astype(np.float32) for _ in range(2))
    return parse(CHAIN, w, (v * (1 + noise)).astype(np.float32))


def parse(text: str, w, v) -> Program:
    made = graph.parse(text, {"w": w, "v": v})
    graph.infer_shapes(made)
    return made


def samples(count: int = 6) -> Samples:
    rng = np.random.default_rng(1)
    feeds = [{"x": rng.standard_normal((2, 4)).astype(np.float32)} for _ in range(count)]
    return Samples("seeded", lambda: iter([Sample(f) for f in feeds]), count)


def test_equal_programs_do_not_drift() -> None:
    found = drift(chain(), chain(), samples())
    assert set(found) == {"a", "b", "y"}
    assert all(v >= 100 for v in found.values())


def test_only_what_follows_the_change_drifts_by_its_size() -> None:
    found = drift(chain(), chain(noise=0.01), samples())
    assert found["a"] == found["b"] >= 100
    # One percent of error everywhere is 20 * log10(100) dB.
    assert found["y"] == pytest.approx(40.0, abs=0.01)


def test_values_that_only_one_program_has_are_left_out() -> None:
    text = CHAIN.replace("b = Relu(a)", "c = Relu(a)").replace("MatMul(b", "MatMul(c")
    weights = (graph.array(chain().graph.graph.initializers[k]) for k in ("w", "v"))
    assert set(drift(chain(), parse(text, *weights), samples())) == {"a", "y"}


def test_a_few_samples_are_enough() -> None:
    read = []

    def stream():
        for sample in samples(100):
            read.append(sample)
            yield sample

    drift(chain(), chain(), Samples("seeded", stream, 100))
    assert len(read) == 4


@pytest.mark.parametrize(
    ("found", "name"),
    [
        ({}, ""),
        ({"a": 40.0, "b": 30.0, "c": 21.0}, ""),
        ({"a": 40.0, "b": 15.0, "c": 5.0}, "b"),
        ({"a": 12.0, "b": 15.0}, "a"),
        ({"a": 19.0, "b": 18.0}, "a"),
        ({"a": 22.0, "b": 18.0, "c": 11.0}, "c"),
        ({"a": float("inf"), "b": 3.0}, "b"),
    ],
)
def test_the_jump_is_the_first_steep_fall_that_matters(found, name) -> None:
    assert first_jump(found) == name
