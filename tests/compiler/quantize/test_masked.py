"""A mask of infinities is the model's own, and no fault of a sample."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.errors import SamplesError
from mcompile.quantize import observe
from mcompile.quantize.masked import masked
from mcompile.types import Sample, Samples

TEXT = """<ir_version: 9, opset_import: ["": 17]>
attention (float[1,4,4] x, bool[1,4,4] kept) => (float[1,4,4] y) {
  s = Where(kept, x, endless)
  t = Add(s, one)
  p = Softmax(t)
  y = MatMul(p, w)
}"""


def program(endless=-np.inf):
    weights = {"endless": np.float32(endless), "one": np.float32(1), "w": np.eye(4, dtype="f")}
    made = graph.parse(TEXT, weights)
    graph.infer_shapes(made)
    return made


def samples(value=1.0):
    feeds = {"x": np.full((1, 4, 4), value, np.float32), "kept": np.eye(4, dtype=bool)[None]}
    return Samples("seeded", lambda: iter([Sample(feeds)]), 1)


def test_what_a_mask_runs_through_is_known_up_to_the_softmax():
    assert {v.name for v in masked(program())} == {"s", "t"}
    assert {v.name for v in masked(program(np.finfo(np.float32).min))} == {"s", "t"}
    assert masked(program(-9.0)) == set()


def test_it_has_no_range_and_the_rest_has():
    assert {*observe(program(), samples())} == {"x", "p", "y"}


def test_an_infinite_sample_is_still_refused():
    with pytest.raises(SamplesError, match="not finite"):
        observe(program(), samples(np.inf))
