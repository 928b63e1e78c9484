"""Float parts between integer steps."""

import numpy as np

from mcompile import graph
from mcompile.simulate.segments import Segment, jobs
from mcompile.simulate.steps import steps

from .sandwiches import X86

TEXT = """<ir_version: 9, opset_import: ["": 19]>
net (float[4] x) => (float[4] y, float[4] k) {
  q = QuantizeLinear (x, s, z)
  r = DequantizeLinear (q, s, z)
  a = Add (r, r)
  b = QuantizeLinear (a, s, z)
  c = DequantizeLinear (b, s, z)
  d = Sin (c)
  e = Mul (d, x)
  f = QuantizeLinear (e, s, z)
  g = DequantizeLinear (f, s, z)
  h = Add (g, c)
  i = QuantizeLinear (h, s, z)
  j = DequantizeLinear (i, s, z)
  k = Cos (w)
  y = Sub (j, k)
}"""
WEIGHTS = {
    "s": np.asarray(0.5, np.float32),
    "z": np.asarray(100, np.uint8),
    "w": np.arange(4, dtype=np.float32),
}


def planned(wanted):
    program = graph.parse(TEXT, WEIGHTS)
    graph.infer_shapes(program)
    found = list(steps(program.graph.graph, frozenset({"Add"}), X86, lambda _: True))
    return jobs(program, found, wanted, 1)


def test_parts_and_steps_take_turns():
    found = planned(["y", "k"])
    told = [(j.reads, j.makes) if isinstance(j, Segment) else j.makes for j in found]
    assert told == [
        ((), ("k",)),
        (("x",), ("q",)),
        "b",
        (("b", "x"), ("f",)),
        "i",
        (("i",), ("y",)),
    ]


def test_what_is_made_of_constants_alone_is_made_once():
    part = planned(["k"])[0]
    assert isinstance(part, Segment)
    first = part.run({})["k"]
    np.testing.assert_allclose(first, np.cos(WEIGHTS["w"]), rtol=1e-6)
    assert part.run({})["k"] is first


def test_a_part_hands_on_what_it_was_asked_for():
    part = planned(["y"])[0]
    assert isinstance(part, Segment)
    made = part.run({"x": np.float32([0, 1, -1, 3])})
    assert {n: a.tolist() for n, a in made.items()} == {"q": [100, 102, 98, 106]}
