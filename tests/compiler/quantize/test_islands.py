"""Ops that stay float32 for the sake of their neighbours."""

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.quantize.islands import absorbed, root
from mcompile.quantize.slots import slots

F16 = ir.DataType.FLOAT16


def kept(body, why, **weights):
    """The values whose ops are absorbed when those in `why` stay float."""
    text = f"""<ir_version: 9, opset_import: ["": 17]>
    net (float[4,4] x) => (float[4,4] y) {{ {body} }}"""
    program = graph.parse(text, weights)
    graph.infer_shapes(program)
    nodes = list(program.graph.graph.all_nodes())
    found = {n: slots(n, 17, F16) for n in nodes}
    stays = {n: "its own reason" for n in nodes if n.outputs[0].name in why}
    return {n.outputs[0].name for n in absorbed(nodes, found, stays, F16)}


W = np.eye(4, dtype=np.float32)


def test_a_chain_between_float_ops_joins_them():
    body = "a = MatMul(x, w)\nb = Exp(a)\nc = Relu(b)\nd = Neg(c)\ne = Exp(d)\ny = MatMul(e, w)"
    assert kept(body, "be", w=W) == {"c", "d"}


def test_layers_are_worth_their_casts():
    body = "b = Exp(x)\nc = MatMul(b, w)\ny = Exp(c)"
    assert not kept(body, "by", w=W)


def test_an_op_that_reads_much_is_worth_its_casts():
    body = "b = Exp(x)\nc = Add(b, k)\ny = Exp(c)"
    assert kept(body, "by", k=np.ones((4, 1), np.float32)) == {"c"}
    assert not kept(body, "by", k=np.ones((4096, 4, 4), np.float32))


def test_an_op_between_layers_is_half():
    body = "a = MatMul(x, w)\nb = Relu(a)\ny = MatMul(b, w)"
    assert not kept(body, "", w=W)


def test_the_side_with_fewer_casts_wins():
    body = """a = MatMul(x, w)
    m = Exp(x)
    n = Sin(x)
    s = Concat <axis = 0> (m, n)
    b = MatMul(s, w)
    y = Add(a, b)"""
    assert kept(body, "mn", w=W) == {"s"}


def test_an_op_at_the_port_of_the_model_stays_with_it():
    assert kept("y = Relu(x)", "") == {"y"}


def test_what_a_branch_hands_on_is_read_by_the_if():
    body = """a = MatMul(x, w)
    z = If (c) <
      then_branch = then () => (float[4,4] t) { t = Sigmoid(a) },
      else_branch = other () => (float[4,4] e) { m = Sigmoid(x) e = Neg(m) } >
    y = MatMul(z, w)"""
    assert not kept(body, "", w=W, c=np.array(True))


def test_the_root_lies_before_the_casts():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[4] x) => (float[4] y) { a = Relu(x)
      b = Cast <to = 10> (a)
      y = Cast <to = 1> (b) }"""
    program = graph.parse(text)
    graph.infer_shapes(program)
    relu, _, cast = program.graph.graph
    assert root(cast.outputs[0], F16) is relu.outputs[0]
    assert root(relu.outputs[0], F16) is relu.outputs[0]
