from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.estimate.shapes import elements, nbytes, prepare, shape, stored, weight

QDQ = """<ir_version: 8, opset_import: ["": 17]>
net (float[1, 4] x) => (float[1, 3] y) {
    q = QuantizeLinear(x, s, z)
    d = DequantizeLinear(q, s, z)
    v = DequantizeLinear(w, s, t)
    m = MatMul(d, v)
    p = QuantizeLinear(m, s, z)
    y = DequantizeLinear(p, s, z)
}"""

WEIGHTS = {
    "s": np.float32(0.1),
    "z": np.uint8(128),
    "t": np.int8(0),
    "w": np.ones((4, 3), np.int8),
}


def named(program):
    return {v.name: v for v in graph.values(program.graph.graph)}


def test_integers_are_what_is_kept_around_a_product():
    found = named(prepare(graph.parse(QDQ, WEIGHTS)))
    assert stored(found["d"]) is found["q"]
    assert stored(found["m"]) is found["p"]
    assert (nbytes(found["d"]), nbytes(found["m"]), nbytes(found["x"])) == (4, 3, 16)


def test_a_weight_is_found_behind_its_dequantizer():
    found = named(prepare(graph.parse(QDQ, WEIGHTS)))
    assert weight(found["v"]) is found["w"]
    assert weight(found["d"]) is None
    assert weight(None) is None


def test_preparing_leaves_the_program_alone():
    program = graph.parse(QDQ.replace("[1, 4]", "[N, 4]"), WEIGHTS)
    before = graph.dims(program.graph.graph.inputs[0])
    bound = prepare(program, {"N": 6})
    assert graph.dims(program.graph.graph.inputs[0]) == before
    assert shape(named(bound)["m"]) == (6, 3)


def test_an_open_dimension_has_no_size():
    found = named(prepare(graph.parse(QDQ.replace("[1, 4]", "[N, 4]"), WEIGHTS)))
    assert shape(found["x"]) is None
    assert elements(found["x"]) is None
    assert nbytes(found["x"]) is None


def test_functions_are_looked_into():
    program = graph.parse(
        """<ir_version: 10, opset_import: ["": 17, "own": 1]>
        net (float[2, 3] x) => (float[2, 3] y) { y = own.Twice(x) }
        <domain: "own", opset_import: ["": 17]>
        Twice (a) => (b) { b = Add(a, a) }"""
    )
    assert [n.op_type for n in prepare(program).graph.graph] == ["Add"]
    assert [n.op_type for n in program.graph.graph] == ["Twice"]


def test_scales_of_blocks_count_with_their_codes():
    text = """<ir_version: 10, opset_import: ["": 21]>
    net (float[1, 64] x) => (float[1, 8] y) {
        w = DequantizeLinear <axis = 0, block_size = 32> (q, s, z)
        y = MatMul(x, w)
    }"""
    int4 = np.dtype(ir.DataType.INT4.numpy())
    program = graph.parse(text)
    held = {
        "q": np.ones((64, 8)).astype(int4),
        "s": np.ones((2, 8), np.float32),
        "z": np.ones((2, 8)).astype(int4),
    }
    inner = {v.name: v for v in program.graph.graph[0].inputs}
    for name, data in held.items():
        value = graph.initializer(program.graph.graph, f"{name}.held", data)
        ir.convenience.replace_all_uses_with(inner[name], value)
    real = program.graph.graph[0].outputs[0]
    assert nbytes(weight(real)) == nbytes(real) == 64 * 8 // 2 + 2 * 8 * 4 + 2 * 8 // 2


def test_a_real_weight_ahead_of_a_quantizer_is_kept_as_integers():
    program = graph.parse(
        '<ir_version: 8, opset_import: ["": 17]>\n'
        "net (float[1,4] x) => (float[1,8] y) {"
        " q = QuantizeLinear(w, s, z) d = DequantizeLinear(q, s, z) y = MatMul(x, d) }",
        {"w": np.ones((4, 8), np.float32), "s": np.float32(0.1), "z": np.int8(0)},
    )
    values = named(prepare(program))
    assert nbytes(values["w"]) == 32
    assert stored(values["w"]).name == "q"
