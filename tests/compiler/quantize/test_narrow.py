"""16 bits written into a graph: types, constants, Casts."""

from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir

from mcompile import graph
from mcompile.invariants import invariants
from mcompile.quantize.narrow import narrow
from mcompile.quantize.slots import slots

F16 = ir.DataType.FLOAT16


def made(body, kept="", keep_ports=True, **weights):
    text = f"""<ir_version: 9, opset_import: ["": 17]>
    net (float[4,4] x) => (float[4,4] y) {{ {body} }}"""
    program = graph.parse(text, weights)
    graph.infer_shapes(program)
    found = {n: slots(n, 17, F16) for n in program.graph.graph}
    halves = {n: s for n, s in found.items() if s and n.outputs[0].name not in kept}
    narrow(program.graph, halves, F16, keep_ports)
    result = graph.program("net", program.graph)
    invariants(result)
    onnx.checker.check_model(ir.to_proto(result.graph), full_check=True)
    return result


def casts(program):
    return [
        (n.inputs[0].name, n.attributes.get_int("to"), n.outputs[0].name)
        for n in program.graph.graph
        if n.op_type == "Cast"
    ]


W = np.eye(4, dtype=np.float32)


def test_readers_of_one_value_share_one_cast_right_behind_its_maker():
    program = made("a = Relu(x)\nb = Exp(a)\nc = Sin(a)\ny = Add(b, c)", kept="bc")
    assert casts(program) == [
        ("x", 10, "x.half"), ("a", 1, "a.float"), ("b", 10, "b.half"), ("c", 10, "c.half"),
        ("y.half", 1, "y"),
    ]  # fmt: skip
    assert [n.op_type for n in program.graph.graph][:3] == ["Cast", "Relu", "Cast"]


def test_an_output_keeps_its_name_and_type():
    program = made("y = MatMul(x, w)", w=W)
    assert [p.name for p in program.outputs] == ["y"]
    assert program.outputs[0].dtype == "float32"
    assert casts(program)[-1] == ("y.half", 1, "y")


def test_a_constant_that_both_read_is_there_twice():
    program = made("a = Add(x, w)\ny = Mul(a, w)", kept="y", w=W)
    kinds = {n: v.dtype for n, v in program.graph.graph.initializers.items()}
    assert kinds == {"w": ir.DataType.FLOAT, "w.half": F16}


def test_a_constant_of_halves_alone_keeps_its_name():
    program = made("y = Add(x, w)", w=W)
    assert {n: v.dtype for n, v in program.graph.graph.initializers.items()} == {"w": F16}


def test_a_weight_that_is_an_input_too_is_cast():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[4,4] x, float[4,4] w) => (float[4,4] y) { y = MatMul(x, w) }"""
    program = graph.parse(text, {"w": W})
    node = next(iter(program.graph.graph))
    narrow(program.graph, {node: slots(node, 17, F16)}, F16, keep_ports=True)
    assert {n for n, _, _ in casts(program)} == {"x", "w", "y.half"}
    assert program.graph.graph.initializers["w"].dtype == ir.DataType.FLOAT


def test_a_weight_that_is_an_input_too_keeps_its_type_when_ports_change():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[4,4] x, float[4,4] w) => (float[4,4] y) { y = MatMul(x, w) }"""
    program = graph.parse(text, {"w": W})
    node = next(iter(program.graph.graph))
    narrow(program.graph, {node: slots(node, 17, F16)}, F16, keep_ports=False)
    invariants(graph.program("net", program.graph))
    assert casts(program) == [("w", 10, "w.half")]


def test_casts_that_are_there_are_used():
    program = made("h = Cast <to = 10> (x)\nf = Cast <to = 1> (h)\na = Relu(f)\ny = Exp(a)",
                   kept="y")  # fmt: skip
    assert casts(program) == [("x", 10, "h"), ("a", 1, "a.float")]


def test_casts_and_fills_are_made_in_halves():
    body = """i = Cast <to = 6> (x)
    a = Cast <to = 1> (i)
    s = Shape(x)
    f = ConstantOfShape <value = float[1] {1.5}> (s)
    y = Add(a, f)"""
    program = made(body)
    by_name = {n.outputs[0].name: n for n in program.graph.graph}
    assert by_name["a"].attributes.get_int("to") == 10
    assert by_name["f"].attributes["value"].as_tensor().numpy().dtype == np.float16
    assert Counter(n.op_type for n in program.graph.graph)["Cast"] == 4


def test_ports_become_halves_when_asked():
    program = made("y = Exp(x)", kept="y", keep_ports=False)
    assert casts(program) == [("x", 1, "x.float"), ("y.float", 10, "y")]
    assert {p.dtype for p in (*program.inputs, *program.outputs)} == {"float16"}
