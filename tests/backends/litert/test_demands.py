"""Values are moved where that costs least: late where they are joined again, early where not."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.demands import demands, later, now, sooner
from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.views import View

from .lowered import agree, drawn, model

STORED = {"heads": np.array([1, 40, 4, 32]), "at": np.array([0]), "half": np.array([16]),
          "end": np.array([32]), "last": np.array([3]), "flat": np.array([1, 40, 128])}  # fmt: skip
ROTARY = """
    a = Reshape (x, heads)
    q = Transpose <perm = [0, 2, 1, 3]> (a)
    l = Slice (q, at, half, last)
    r = Slice (q, half, end, last)
    n = Neg (r)
    t = Concat <axis = 3> (n, l)
    c = Mul (q, cos)
    s = Mul (t, sin)
    e = Add (c, s)
"""
HEADS = """
    a = Reshape (x, three)
    p = Transpose <perm = [2, 0, 3, 1, 4]> (a)
    q = Gather <axis = 0> (p, i0)
    k = Gather <axis = 0> (p, i1)
    v = Gather <axis = 0> (p, i2)
    kt = Transpose <perm = [0, 1, 3, 2]> (k)
    w = MatMul (q, kt)
    z = Softmax (w)
    y = MatMul (z, v)
"""


def transposes(program, far=1e-4):
    return agree(program, far).count("TRANSPOSE")


def value_of(program, name):
    return next(v for n in program.graph.graph for v in n.outputs if v.name == name)


def lying(order, shape):
    memory = tuple(shape[a] for a in order)
    return View.of(Draft().tensor("t", memory, "float32"), order)


def test_halves_that_meet_again_are_moved_once():
    turns = drawn(1, cos=(1, 1, 40, 32), sin=(1, 1, 40, 32), k=(1, 4, 32, 5))
    program = model("float[1,40,128] x", ROTARY + "y = MatMul (e, k)", **turns, **STORED)
    assert transposes(program) == 1


def test_halves_that_meet_again_are_not_moved_to_be_moved_back():
    turns = drawn(1, cos=(1, 1, 40, 32), sin=(1, 1, 40, 32))
    back = "b = Transpose <perm = [0, 2, 1, 3]> (e)\ny = Reshape (b, flat)"
    assert transposes(model("float[1,40,128] x", ROTARY + back, **turns, **STORED)) == 0


def test_parts_that_go_their_own_ways_are_moved_together():
    which = {f"i{k}": np.array(k) for k in range(3)} | {"three": np.array([1, 40, 3, 4, 32])}
    assert transposes(model("float[1,40,384] x", HEADS, **which)) == 1


def test_what_two_readers_want_is_moved_before_it_is_seen_otherwise():
    body = """
        a = Reshape (x, heads)
        k = Transpose <perm = [0, 2, 1, 3]> (a)
        kt = Transpose <perm = [0, 1, 3, 2]> (k)
        d = Mul (kt, scale)
        y = MatMul (g, d)
        z = MatMul (k, u)
    """
    stored = drawn(2, u=(1, 4, 32, 3)) | {"scale": np.float32(0.5)} | STORED
    given = "float[1,40,128] x, float[1,4,7,32] g"
    assert transposes(model(given, body, "float y, float z", **stored)) == 1


def test_a_join_is_moved_once_behind_and_not_each_part_before():
    body = """
        c = Conv (x, w)
        d = Conv (x, v)
        a3 = Reshape (c, rows)
        b3 = Reshape (d, rows)
        s = Sigmoid (b3)
        y = Concat <axis = 1> (a3, s)
    """
    stored = drawn(3, w=(4, 3, 1, 1), v=(4, 3, 1, 1)) | {"rows": np.array([1, 4, 256])}
    assert transposes(model("float[1,3,16,16] x", body, **stored)) == 2  # the input, the output


@pytest.mark.parametrize(
    ("body", "suits", "not_so"),
    [
        ("y = Conv (a, w)", (0, 2, 3, 1), (0, 1, 2, 3)),
        ("y = MatMul (a, k)", (0, 2, 1, 3), (0, 1, 3, 2)),
        ("y = MatMul (f, a)", (0, 1, 3, 2), (0, 2, 1, 3)),
        ("y = MatMul (a, h)", (0, 1, 2, 3), (0, 1, 3, 2)),
        ("y = LayerNormalization (a, g)", (2, 0, 1, 3), (0, 1, 3, 2)),
        ("b = Transpose <perm = [0, 3, 1, 2]> (a)\n y = Conv (b, u)", (0, 1, 2, 3), (0, 2, 3, 1)),
        ("b = Unsqueeze (a, at)\n c = Squeeze (b, at)\n y = Conv (c, w)", (0, 2, 3, 1),
         (0, 1, 2, 3)),
        ("b = Gather <axis = 1> (a, i)\n y = MatMul (b, k)", (1, 2, 0, 3), (0, 1, 3, 2)),
        ("q = QuantizeLinear (a, s, z)\n d = DequantizeLinear (q, s, z)\n y = Conv (d, w)",
         (0, 2, 3, 1), (0, 1, 2, 3)),
    ],
)  # fmt: skip
def test_readers_say_what_they_take(body, suits, not_so):
    stored = drawn(0, w=(4, 4, 1, 1), k=(6, 2), f=(2, 4, 3, 5), h=(2, 4, 6, 3), g=(6,),
                   u=(2, 6, 1, 1)) | {"at": np.array([0]), "i": np.array(0),
                                      "s": np.float32(0.5), "z": np.int8(0)}  # fmt: skip
    program = model("float[2,4,5,6] x", f"a = Neg (x)\n{body}", **stored)
    found = [d for d in demands(value_of(program, "a")) if not d.root.is_graph_output()]
    assert len(found) == 1
    assert found[0].suits(suits)
    assert not found[0].suits(not_so)
    assert found[0].order is not None
    assert found[0].suits(found[0].order)
    assert later(found, suits) == 0 < later(found, not_so)


def test_a_part_of_a_join_answers_for_its_part():
    body = "a = Neg (x)\n b = Abs (x)\n c = Concat <axis = 1> (a, b, b)\n y = Conv (c, w)"
    program = model("float[2,4,5,6] x", body, w=np.ones((2, 12, 1, 1), np.float32))
    (whole,) = demands(value_of(program, "c"))
    (part,) = demands(value_of(program, "a"))
    assert part.cost == pytest.approx(whole.cost / 3)


def test_it_costs_nothing_to_have_what_lies_so_or_is_moved_anyway():
    body = "a = Neg (x)\n c = Conv (a, w)\n b = Abs (a)\n y = Add (c, b)"
    program = model("float[2,4,5,6] x", body, w=np.ones((4, 4, 1, 1), np.float32))
    value, plain = value_of(program, "a"), lying((0, 1, 2, 3), (2, 4, 5, 6))
    found = demands(value)
    assert now(value, [plain], found, (0, 1, 2, 3)) == 0
    assert now(value, [plain], found, (0, 2, 3, 1)) == 0
    assert now(value, [plain], found, (0, 1, 3, 2)) > 0
    assert now(value, [plain], [], (0, 2, 3, 1)) > 0


def test_sooner_only_where_that_saves_something():
    two = "a = Neg (x)\n b = Abs (a)\n c = Exp (a)\n d = Conv (b, w)\n y = Conv (c, w)"
    one = "a = Neg (x)\n b = Abs (a)\n y = Conv (b, w)"
    plain = lying((0, 1, 2, 3), (2, 4, 5, 6))
    for body, order in ((two, (0, 2, 3, 1)), (one, None)):
        program = model("float[2,4,5,6] x", body, w=np.ones((4, 4, 1, 1), np.float32))
        assert sooner(value_of(program, "a"), plain) == order


def test_the_look_ahead_ends():
    chain = "\n".join(f"a{k + 1} = Abs (a{k})" for k in range(20))
    body = f"a0 = Neg (x)\n{chain}\n y = Conv (a20, w)"
    program = model("float[2,4,5,6] x", body, w=np.ones((4, 4, 1, 1), np.float32))
    assert demands(value_of(program, "a0")) == []
    assert len(demands(value_of(program, "a15"))) == 1
