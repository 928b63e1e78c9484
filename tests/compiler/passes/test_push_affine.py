from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile import graph
from mcompile.invariants import invariants
from mcompile.oracle import Oracle
from mcompile.passes.fold_affine import FoldAffine
from mcompile.passes.fold_transposes import FoldTransposes
from mcompile.passes.push_affine import PushAffine
from mcompile.rules import run

TOLERANCE = 1e-5
BACK = "Transpose<perm = [0, 3, 1, 2]>"
FORTH = "Transpose<perm = [0, 2, 3, 1]>"
SCALED = f"m = MatMul(x, w) t = {BACK}(m) y = Mul(t, s)"
IMAGE = f"f = Cast<to = 1>(x) m = Mul(f, r) n = Sub(m, q) o = {BACK}(n) y = Conv(o, k)"


def numbers(seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"w": (4, 3), "s": (3, 1, 1), "r": (3,), "q": (1, 3), "k": (2, 3, 2, 2), "b": (3,)}
    return {n: rng.standard_normal(s).astype(np.float32) + 2 for n, s in shapes.items()}


def scaled(text=SCALED, outputs="y"):
    return f"g (float[2,5,6,4] x) => ({outputs}) {{ {text} }}"


def image(text=IMAGE, outputs="y"):
    return f"g (uint8[1,5,6,3] x) => ({outputs}) {{ {text} }}"


def ops(program):
    return [n.op_type for n in program.graph.graph]


def test_layer_scale_goes_in_front_of_the_transpose(parse, body, far):
    program = parse(scaled(), **numbers())
    before = graph.clone(program)
    log = run(program, [PushAffine()])
    assert [(a.rule, a.node) for a in log.applied] == [("push_affine", "y")]
    assert body(program) == ["m = MatMul(x, w)", "y_1 = Mul(m, s_transposed)", "y = Transpose(y_1)"]
    assert far(before, program) < TOLERANCE
    assert run(program, [PushAffine()]).applied == ()
    run(program, [FoldAffine()])
    assert ops(program) == ["MatMul", "Transpose"]
    assert far(before, program) < TOLERANCE


def test_the_normalization_of_images_reaches_the_first_convolution(parse, far):
    program = parse(image(), **numbers())
    before = graph.clone(program)
    log = run(program, [PushAffine()])
    assert [a.rule for a in log.applied] == ["push_affine"] * 2
    assert ops(program) == ["Cast", "Transpose", "Mul", "Sub", "Conv"]
    assert far(before, program) < TOLERANCE
    assert run(program, [PushAffine()]).applied == ()
    run(program, [FoldAffine()])
    assert ops(program) == ["Cast", "Transpose", "Conv"]
    assert far(before, program) < TOLERANCE


def test_where_the_convolution_pads_the_shift_stays_in_front_of_it(parse, far):
    program = parse(image(IMAGE.replace("Conv(", "Conv<pads = [1, 1, 1, 1]>(")), **numbers())
    before = graph.clone(program)
    run(program, [PushAffine(), FoldAffine()])
    assert ops(program) == ["Cast", "Transpose", "Mul", "Sub", "Conv"]
    assert far(before, program) < TOLERANCE


@pytest.mark.parametrize(("text", "name"), [(scaled(), "s"), (image(), "r"), (image(), "q")])
def test_one_wrong_number_would_be_seen(parse, far, text, name):
    program = parse(text, **numbers())
    run(program, [PushAffine()])
    other = numbers()
    other[name].flat[1] += 0.1
    assert far(parse(text, **other), program) > 10 * TOLERANCE


@pytest.mark.parametrize("op", ["Mul(t, s)", "Mul(s, t)", "Div(t, s)", "Sub(s, t)", "Add(t, s)"])
def test_each_op_stands_as_it_stood(parse, far, op):
    program = parse(scaled(SCALED.replace("Mul(t, s)", op)), **numbers())
    before = graph.clone(program)
    assert len(run(program, [PushAffine()]).applied) == 1
    assert ops(program)[-1] == "Transpose"
    assert far(before, program) < TOLERANCE


def test_outputs_keep_their_names_and_values(parse, far):
    text = SCALED.replace("x, w)", "x, w)").replace("y = Mul", "z = Mul") + " y = Relu(z)"
    program = parse(scaled(text, "y, z"), **numbers())
    before = graph.clone(program)
    assert len(run(program, [PushAffine()]).applied) == 1
    invariants(program)
    assert [v.name for v in program.graph.graph.outputs] == ["y", "z"]
    assert far(before, program) < TOLERANCE


STAYS = [
    scaled(SCALED + " z = Relu(t)", "y, z"),
    scaled(SCALED + " z = Relu(m)", "y, z"),
    scaled(SCALED, "y, t"),
    scaled(SCALED.replace("MatMul(x, w)", "Relu(x)").replace("s)", "four)")),
    scaled(SCALED.replace("s)", "rows)")),
    scaled(SCALED.replace("Mul(t, s)", "Mul(t, t)")),
    scaled(SCALED.replace("y =", "h =") + " y = Clip(h, low, high)"),
    scaled(SCALED + " z = Relu(w)", "y, z"),
    image(IMAGE + " z = Relu(n)", "y, z").replace("Mul(f, r)", "Relu(f)"),
    image(IMAGE.replace("Mul(f, r)", "Sqrt(f)")),
    image(IMAGE.replace("Conv(o, k)", "Relu(o)")),
    image(IMAGE.replace("Sub(m, q)", "Sub(m, column)").replace("Mul(f, r)", "Abs(f)")),
]


@pytest.mark.parametrize("text", STAYS)
def test_what_no_layer_could_take_in_stays(parse, body, text):
    more = {
        "four": np.ones((4, 1, 1), np.float32),
        "rows": np.ones((5, 1), np.float32),
        "column": np.ones((5, 1, 1), np.float32),
        "low": np.float32(0),
        "high": np.float32(6),
    }
    program = parse(text, **numbers(), **more)
    before = body(program)
    log = run(program, [PushAffine()])
    assert (log.applied, log.undone) == ((), ())
    assert body(program) == before


def test_before_opset_7_an_op_had_another_way_to_broadcast(parse):
    text = "g (float[2,3,4,5] x) => (y) { m = Conv(x, k) t = Transpose(m) y = Mul(t, one) }"
    program = parse(text, opset=6, k=np.ones((2, 3, 1, 1), np.float32), one=np.float32(2))
    assert run(program, [PushAffine()]).applied == ()


PIECES = {
    "scale": "v{k} = Mul({x}, {c})",
    "shift": "v{k} = Sub({x}, {c})",
    "number": "v{k} = Add(one, {x})",
    "product": "v{k} = MatMul({x}, w{k})",
    "conv": "v{k} = Conv({x}, k{k})",
    "cast": "v{k} = Cast<to = 1>({x})",
    "turn": "v{k} = Transpose<perm = {order}>({x})",
}  # fmt: skip
ORDERS = [list(p) for p in itertools.permutations(range(4)) if p[0] == 0]


@st.composite
def nets(draw):
    last, lines = "x", []
    for k in range(draw(st.integers(2, 9))):
        kind = draw(st.sampled_from([*sorted(PIECES), "turn", "scale"]))
        order, constant = draw(st.sampled_from(ORDERS)), draw(st.sampled_from(["last", "first"]))
        lines.append(PIECES[kind].format(k=k, x=last, order=order, c=constant))
        last = f"v{k}"
    return f"g (float[2,3,3,3] x) => (y) {{ {' '.join(lines)} y = Tanh({last}) }}"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(nets())
def test_any_net_computes_the_same_in_either_order_of_rules(text):
    rng = np.random.default_rng(0)
    known = {f"w{k}": rng.standard_normal((3, 3)).astype(np.float32) for k in range(9)}
    known |= {f"k{k}": rng.standard_normal((3, 3, 1, 1)).astype(np.float32) for k in range(9)}
    known |= {"one": np.float32(1.5), "last": np.float32([1, 2, 3])}
    known["first"] = np.float32([[[3]], [[1]], [[2]]])
    source = graph.parse(f'<ir_version: 8, opset_import: ["" : 17]>{text}', known)
    graph.infer_shapes(source)
    rules = [PushAffine(), FoldAffine(), FoldTransposes()]
    forward, backward = graph.clone(source), graph.clone(source)
    assert not run(forward, rules).undone
    run(backward, rules[::-1])
    invariants(forward)
    assert ops(forward) == ops(backward)
    assert len(ops(forward)) <= len(ops(source))
    assert run(forward, rules).applied == ()
    x = {"x": rng.standard_normal((2, 3, 3, 3), np.float32) / 8}
    want = Oracle(source).run(x)["y"]
    for program in (forward, backward):
        np.testing.assert_allclose(Oracle(program).run(x)["y"], want, rtol=0, atol=1e-3)
