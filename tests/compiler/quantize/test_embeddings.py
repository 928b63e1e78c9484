"""Embedding tables in eight bits, a scale a row."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize.embeddings import is_table, pick, store

ROWS, WIDTH = 300, 64


def embedding(body="y = Gather(table, i)", rows=ROWS, out="1,3,64"):
    rng = np.random.default_rng(0)
    text = """<ir_version: 8, opset_import: ["": 13]>
    net (int64[1,3] i) => (float[%s] y) { %s }"""
    scale = np.geomspace(0.01, 100, rows)[:, None]
    table = (rng.standard_normal((rows, WIDTH)) * scale).astype(np.float32)
    program = graph.parse(text % (out, body), {"table": table})
    graph.infer_shapes(program)
    return program


def gathers(program):
    return [n for n in program.graph.graph if n.op_type == "Gather"]


def test_only_what_was_picked_becomes_float():
    program = embedding()
    want = Oracle(program).run({"i": np.array([[0, 150, 299]])})["y"]
    body, node = program.graph.graph, gathers(program)[0]
    table = store(body, node)
    pick(body, node, table)
    assert [n.op_type for n in body] == ["Gather", "Gather", "Cast", "Mul"]
    assert program.graph.graph.outputs[0].name == "y"
    onnx.checker.check_model(ir.to_proto(program.graph), full_check=True)
    got = Oracle(program).run({"i": np.array([[0, 150, 299]])})["y"]
    for one, other in zip(want[0], got[0], strict=True):  # each row by its own scale
        assert np.abs(one - other).max() <= 0.5001 * np.abs(one).max() / 127


def test_codes_are_computed_when_they_are_written():
    program = embedding()
    table = store(program.graph.graph, gathers(program)[0])
    assert isinstance(table.codes.const_value, ir.LazyTensor)
    assert table.codes.dtype == ir.DataType.INT8
    assert (table.params.axis, table.params.scale.shape) == (0, (ROWS,))
    assert list(table.scales.shape) == [ROWS, 1]


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (embedding(rows=20), "small"),
        (embedding("y = Gather <axis = 1> (table, i)", out="300,1,3"), "columns are picked"),
        (embedding("t = Neg(table)\n y = Gather(t, i)"), "no constant"),
    ],
    ids=lambda p: p if isinstance(p, str) else "",
)
def test_what_is_no_table_is_left_alone(program, why):
    assert not any(is_table(n) for n in gathers(program)), why


def test_a_table_that_others_read_is_left_alone():
    shared = embedding("a = Gather(table, i)\n s = ReduceSum(table)\n y = Add(a, s)")
    assert not is_table(gathers(shared)[0])


def test_a_large_table_is_one():
    assert is_table(gathers(embedding())[0])
