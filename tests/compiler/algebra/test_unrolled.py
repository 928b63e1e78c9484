from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.algebra import gates, recurrence, unrolled
from mcompile.algebra.recurrence import Gate, Step
from mcompile.oracle import Oracle

STEPS = 4
RNG = np.random.default_rng(0)
GIVEN = {
    "w": RNG.standard_normal((2, 3)).astype(np.float32),
    "r": RNG.standard_normal((3, 3)).astype(np.float32),
    "b": RNG.standard_normal(3).astype(np.float32),
    "nil": np.zeros((5, 3), np.float32),
    **{f"i{t}": np.array(t) for t in range(STEPS)},
}


def program(more, ends, start="h"):
    """Steps of the plainest kind, which is ONNX's RNN: h(t) = Tanh(W x(t) + R h(t-1) + b)."""
    text, before = [], start
    for t in range(STEPS):
        text.append(f"x{t} = Gather<axis = 0>(x, i{t}) a{t} = MatMul(x{t}, w)")
        text.append(f"b{t} = Gemm({before}, r, b) s{t} = Add(a{t}, b{t}) h{t} = Tanh(s{t})")
        before = f"h{t}"
    made = graph.parse(
        f"""<ir_version: 8, opset_import: ["" : 17]>
        g (float[{STEPS},5,2] x, float[5,3] h, bool k) => ({ends}) {{ {" ".join(text)} {more} }}""",
        GIVEN,
    )
    graph.infer_shapes(made)
    return made


def read(value, like):
    tanh = gates.made(value, "Tanh")
    total = gates.total(tanh.inputs[0]) if tanh else None
    if total is None:
        return None
    before = next((s.source for s in total.slabs if s.weight.name == "r"), None)
    gate = Gate(total.without(before), total.of(before))
    return Step(value, before, (gate,), (tanh, *total.nodes))


BRANCHES = """y = If (k) < then_branch = t () => (p) { p = Neg(h1) },
    else_branch = e () => (q) { q = Add(h0, h3) } >"""


@pytest.mark.parametrize(
    ("more", "ends", "gathers"),
    [
        ("y = Neg(h3)", "float[5,3] y", 0),
        ("y = Neg(h3)", "float[5,3] y, float[5,3] h3, float[5,3] h1", 2),
        (BRANCHES, "float[5,3] y", 3),
    ],
)
@pytest.mark.parametrize("start", ["h", "nil"])
def test_whoever_reads_a_step_reads_the_one_node(more, ends, gathers, start):
    source = program(more, ends, start)
    made = graph.clone(source)
    values = {v.name: v for v in graph.values(made.graph.graph)}
    found = recurrence.chain(read(values["h3"], None), read)
    unrolled.replace(found, "RNN")
    ops = [n.op_type for n in made.graph.graph]
    assert ops.count("RNN") == 1
    assert ops.count("Gather") == STEPS + gathers
    assert [v.name for v in made.graph.graph.outputs] == [
        v.name for v in source.graph.graph.outputs
    ]
    for chosen in (False, True):
        x = {
            "x": RNG.standard_normal((STEPS, 5, 2)).astype(np.float32),
            "h": RNG.standard_normal((5, 3)).astype(np.float32),
            "k": np.array(chosen),
        }
        want, got = Oracle(source).run(x), Oracle(made).run(x)
        for name, expected in want.items():
            np.testing.assert_allclose(got[name], expected, rtol=0, atol=2e-6)


def test_the_node_says_what_it_is_made_of():
    made = program("y = Neg(h3)", "float[5,3] y")
    values = {v.name: v for v in graph.values(made.graph.graph)}
    unrolled.replace(recurrence.chain(read(values["h3"], None), read), "RNN")
    node = next(n for n in made.graph.graph if n.op_type == "RNN")
    assert graph.integer(node, "hidden_size", 0) == 3
    np.testing.assert_array_equal(graph.array(node.inputs[1]), GIVEN["w"].T[None])
    np.testing.assert_array_equal(graph.array(node.inputs[2]), GIVEN["r"].T[None])
    expected = np.concatenate([GIVEN["b"], np.zeros(3, np.float32)])[None]
    np.testing.assert_array_equal(graph.array(node.inputs[3]), expected)
    assert [graph.dims(v) for v in node.outputs] == [(STEPS, 1, 5, 3), (1, 5, 3)]
