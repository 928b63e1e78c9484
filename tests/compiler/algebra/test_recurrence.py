from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.algebra import gates, recurrence
from mcompile.algebra.recurrence import Chain, Gate, Step
from mcompile.errors import Broken

GIVEN = {
    "w": np.ones((2, 3), np.float32),
    "u": np.full((2, 3), 2, np.float32),
    "r": np.ones((3, 3), np.float32),
    "nil": np.zeros((1, 3), np.float32),
    "five": np.array([5, 3]),
}


def program(text, ends="float[5,3] y"):
    head = '<ir_version: 8, opset_import: ["" : 17]>'
    head += f"g (float[9,5,2] x, float[5,3] h) => ({ends}) {{ "
    made = graph.parse(head + text + " }", GIVEN | {f"i{t}": np.array(t) for t in range(9)})
    graph.infer_shapes(made)
    return {v.name: v for v in graph.values(made.graph.graph)}


def simple(count, weight="w"):
    """Steps of the plainest kind: h(t) = Tanh(W x(t) + R h(t-1))."""
    text, before = [], "h"
    for t in range(count):
        text.append(f"x{t} = Gather<axis = 0>(x, i{t}) a{t} = MatMul(x{t}, {weight})")
        text.append(f"b{t} = MatMul({before}, r) s{t} = Add(a{t}, b{t}) h{t} = Tanh(s{t})")
        before = f"h{t}"
    return " ".join(text)


def read(value, like):
    tanh = gates.made(value, "Tanh")
    total = gates.total(tanh.inputs[0]) if tanh else None
    if total is None:
        return None
    before = next((s.source for s in total.slabs if s.weight.name == "r"), None)
    gate = Gate(total.without(before), total.of(before))
    return Step(value, before, (gate,), (tanh, *total.nodes))


def chain(text, last, ends="float[5,3] y"):
    return recurrence.chain(read(program(text, ends)[last], None), read)


def test_steps_are_found_in_the_order_of_time():
    found = chain(simple(5) + " y = Neg(h4)", "h4")
    assert isinstance(found, Chain)
    assert [s.hidden.name for s in found.steps] == [f"h{t}" for t in range(5)]
    assert [s.source.name for s in found.steps] == [f"x{t}" for t in range(5)]
    assert [v.name for v in found.given] == ["h"]
    assert found.end.op_type == "Tanh"
    assert len(found.nodes) == 4 * 5


def test_one_step_is_no_chain():
    assert chain(simple(1) + " y = Neg(h0)", "h0") == ""


@pytest.mark.parametrize(
    ("text", "last", "reason"),
    [
        (simple(3), "h2", "3 steps: it pays from 4 on"),
        (simple(4).replace("MatMul(x0, w)", "MatMul(x0, u)"), "h3", "h0 has other weights"),
        (simple(4) + " z = Neg(s2)", "h3", "s2 has other readers"),
        (simple(4).replace("s1", "z"), "h3", "z is an output"),
        (
            simple(4)
            .replace("x2 = ", "e = MatMul(h1, back) f = ")
            .replace("(x2,", "(e,")
            .replace("MatMul(h1, back)", "Slice(h1, lo, hi, lo)")
            .replace("lo", "lead")
            .replace("hi", "two")
            .replace("Slice(h1, lead, two, lead)", "Gather<axis = 1>(h1, pick)"),
            "h3",
            "e depends on an earlier step",
        ),
    ],
)
def test_it_says_why_there_is_no_chain(text, last, reason, monkeypatch):
    monkeypatch.setitem(GIVEN, "pick", np.array([0, 1]))
    ends = f"float[5,3] {last}" + (", float[k,l] z" if "z = " in text else "")
    assert chain(text, last, ends) == reason


def test_a_step_goes_on_where_a_product_with_its_weights_reads_it():
    values = program(simple(2) + " y = Neg(h1)")
    assert recurrence.continues(read(values["h0"], None))
    assert not recurrence.continues(read(values["h1"], None))


def test_zeros_are_known_as_such():
    text = "a = Expand(nil, five) b = ConstantOfShape(five) c = Add(a, b) y = Add(c, h)"
    values = program(text)
    assert [n for n in ("nil", "a", "b", "c", "h", "w") if recurrence.is_zero(values[n])] == [
        "nil",
        "a",
        "b",
    ]
    filled = program("y = ConstantOfShape<value = float[1] {1.0}>(five)")
    assert not recurrence.is_zero(filled["y"])
    assert not recurrence.is_zero(None)


def test_a_state_that_others_read_hinders():
    values = program("c = Neg(h) t = Tanh(c) n = Abs(c) q = Relu(c) y = Add(t, n)")
    step = Step(values["t"], None, (), (), values["c"])
    assert recurrence.hindered(step) == "c has other readers"
    assert recurrence.hindered(Step(values["t"], None, (), ())) == ""
    ending = Step(values["t"], None, (), (), values["y"])
    assert recurrence.hindered(ending) == "y is an output"


def test_a_step_that_no_node_makes_is_a_bug():
    with pytest.raises(Broken, match="no node makes h"):
        recurrence.producer(program(simple(1) + " y = Neg(h0)")["h"])
