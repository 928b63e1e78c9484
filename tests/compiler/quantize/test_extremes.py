"""Ranges of tensors of which some are infinite."""

import numpy as np

from mcompile import graph
from mcompile.quantize.extremes import extremes
from mcompile.types import Sample, Samples

TEXT = """<ir_version: 9, opset_import: ["": 17]>
net (float[4] x) => (float[4] y) {
  m = Where(c, x, low)
  n = Log(z)
  y = Exp(m)
}"""


def test_only_finite_values_count():
    weights = {"c": np.array([True, True, False, False]), "low": np.float32(-np.inf),
               "z": np.zeros(4, np.float32)}  # fmt: skip
    program = graph.parse(TEXT, weights)
    graph.infer_shapes(program)
    feeds = [np.array(v, np.float32) for v in ([1, 2, 3, 4], [-5, 0, 0, 0])]
    found = extremes(program, Samples("two", lambda: iter([Sample({"x": f}) for f in feeds])))
    assert (found["x"].low, found["x"].high) == (-5.0, 4.0)
    assert (found["m"].low, found["m"].high) == (-5.0, 2.0)
    assert found["m"].counts.sum() == 4
    assert "n" not in found
