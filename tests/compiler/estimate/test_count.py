from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.estimate.count import count
from mcompile.types import Provenance

HEAD = '<ir_version: 8, opset_import: ["": 17]>'

CONV = f"""{HEAD} net (float[1, 2, 8, 8] x) => (float[1, 4, 8, 8] y) {{
    c = Conv <pads = [1, 1, 1, 1]> (x, w, b)
    y = Relu(c)
}}"""

INTEGER = f"""{HEAD} net (float[1, 2, 8, 8] x) => (float[1, 4, 8, 8] y) {{
    q = QuantizeLinear(x, s, z)
    d = DequantizeLinear(q, s, z)
    wd = DequantizeLinear <axis = 0> (wq, ws, wz)
    bd = DequantizeLinear <axis = 0> (bq, ws, bz)
    c = Conv <pads = [1, 1, 1, 1]> (d, wd, bd)
    p = QuantizeLinear(c, s, z)
    e = DequantizeLinear(p, s, z)
    y = Relu(e)
}}"""

FLOATS = {"w": np.ones((4, 2, 3, 3), np.float32), "b": np.ones(4, np.float32)}
INTEGERS = {
    "s": np.float32(0.1),
    "z": np.uint8(0),
    "wq": np.ones((4, 2, 3, 3), np.int8),
    "ws": np.ones(4, np.float32),
    "wz": np.zeros(4, np.int8),
    "bq": np.ones(4, np.int32),
    "bz": np.zeros(4, np.int32),
}
MACS = 4 * 2 * 22 * 22


def test_a_float_convolution_is_counted_whole():
    work = count(graph.parse(CONV, FLOATS))
    conv, relu = work.nodes
    assert (conv.op, conv.macs, conv.flops) == ("Conv", MACS, 2 * MACS)
    assert (relu.macs, relu.flops) == (0, 256)
    assert (conv.weight_bytes, conv.read_bytes, conv.written_bytes) == (76 * 4, 512, 1024)
    assert (work.params, work.weight_bytes, work.macs) == (76, 304, MACS)
    assert work.moved_bytes == 304 + 512 + 1024 + 2048
    assert not conv.integer


def test_a_quantized_convolution_moves_integers_and_its_markers_are_no_layers():
    work = count(graph.parse(INTEGER, INTEGERS))
    assert [n.op for n in work.nodes] == ["Conv", "Relu"]
    conv = work.nodes[0]
    assert conv.integer
    assert conv.macs == MACS
    assert (conv.weight_bytes, conv.read_bytes, conv.written_bytes) == (72 + 16, 128, 256)
    assert (work.params, work.weight_bytes) == (76, 88)


def test_the_figures_name_their_units_and_are_stated():
    rows = {m.name: m for m in count(graph.parse(CONV, FLOATS)).figures()}
    assert rows["macs_g"].value == pytest.approx(MACS / 1e9)
    assert rows["flops_g"].value == pytest.approx((2 * MACS + 256) / 1e9)
    assert rows["params_m"].value == pytest.approx(76e-6)
    assert rows["weights_mb"].value == pytest.approx(304e-6)
    assert {m.provenance for m in rows.values()} == {Provenance.STATED}


def test_an_unknown_op_is_listed_and_the_totals_are_lower_bounds():
    text = f"""{HEAD} net (float[2, 3, 3] x) => (float[2] y) {{
        a = Relu(x)
        y = Det(a)
    }}"""
    work = count(graph.parse(text))
    assert len(work.unknown) == 1
    row = work.figures()[0]
    assert (row.provenance, row.low, row.high) == (Provenance.PREDICTED, row.value, None)
    assert "1 nodes could not be counted" in row.note


def test_an_op_of_another_domain_is_unknown():
    text = """<ir_version: 8, opset_import: ["": 17, "own": 1]>
    net (float[2] x) => (float[2] y) { y = own.Relu(x) }"""
    assert len(count(graph.parse(text)).unknown) == 1


def test_a_node_with_a_body_is_unknown():
    text = f"""{HEAD} net (float[2] x, bool c) => (float[2] y) {{
        y = If (c) <
            then_branch = yes () => (float[2] a) {{ a = Relu(x) }},
            else_branch = no () => (float[2] b) {{ b = Neg(x) }}
        >
    }}"""
    assert len(count(graph.parse(text)).unknown) == 1


def test_a_shared_weight_is_kept_once_and_read_twice():
    text = f"""{HEAD} net (float[1, 4] x) => (float[1, 4] y) {{
        a = MatMul(x, w)
        y = MatMul(a, w)
    }}"""
    work = count(graph.parse(text, {"w": np.ones((4, 4), np.float32)}))
    assert (work.params, work.weight_bytes) == (16, 64)
    assert [n.weight_bytes for n in work.nodes] == [64, 64]


def test_a_gather_reads_its_rows_and_not_the_table():
    text = f"{HEAD} net (int64[1, 5] x) => (float[1, 5, 8] y) {{ y = Gather(w, x) }}"
    work = count(graph.parse(text, {"w": np.ones((1000, 8), np.float32)}))
    (node,) = work.nodes
    assert (node.weight_bytes, node.read_bytes, node.written_bytes) == (160, 40, 160)
    assert (work.params, work.weight_bytes) == (8000, 32000)


def test_shapes_and_limits_are_no_parameters():
    text = f"""{HEAD} net (float[2, 3] x) => (float[3, 2] y) {{
        a = Reshape(x, shape)
        y = Clip(a, low)
    }}"""
    work = count(graph.parse(text, {"shape": np.int64([3, 2]), "low": np.float32(0)}))
    assert work.params == 0
    assert work.nodes[0].moved_bytes == 0


def test_weights_listed_as_inputs_are_weights():
    text = f"""{HEAD} net (float[1, 4] x, float[4, 2] w) => (float[1, 2] y) {{
        y = MatMul(x, w)
    }}"""
    assert count(graph.parse(text, {"w": np.ones((4, 2), np.float32)})).params == 8


def test_a_fixed_batch_multiplies_the_work():
    program = graph.parse(CONV.replace("float[1,", "float[N,"), FLOATS)
    assert count(program).unknown
    assert count(program, {"N": 3}).macs == 3 * MACS


def test_counting_leaves_the_program_alone():
    program = graph.parse(CONV.replace("float[1,", "float[N,"), FLOATS)
    count(program, {"N": 3})
    assert program.inputs == graph.program("again", program.graph).inputs
