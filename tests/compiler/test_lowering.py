"""Ops in the form that runtimes compute rightly."""

import numpy as np
import pytest

from mcompile.graph import array, parse
from mcompile.lowering import even_blocks, fold_biases, guard_means
from mcompile.oracle import Oracle

HEAD = """<ir_version: 9, opset_import: ["": 17]>
net (float[1,2,4,4] x) => (float[1,2,4,4] y) {"""
PAIR = "q = QuantizeLinear(x, s, z)  r = DequantizeLinear(q, s, z)"
MEAN = "AveragePool <kernel_shape = [3,3], pads = [1,1,1,1], count_include_pad = 1>"


def net(body: str, zero: int = 100):
    held = {"s": np.float32(0.02), "z": np.uint8(zero)}
    return parse(f"{HEAD} {body} }}", held if "q =" in body else {})


def ops(program) -> list[str]:
    return [n.op_type for n in program.graph.graph]


def test_a_mean_that_counts_pads_reads_what_no_pair_is_moved_behind():
    program = net(f"{PAIR}  y = {MEAN} (r)")
    feeds = {"x": np.linspace(-1, 1, 32, dtype=np.float32).reshape(1, 2, 4, 4)}
    before = Oracle(program).run(feeds)["y"]
    assert guard_means(program) == 1
    assert ops(program) == ["QuantizeLinear", "DequantizeLinear", "Max", "AveragePool"]
    assert array(program.graph.graph[2].inputs[1]) == np.finfo(np.float32).min
    assert (Oracle(program).run(feeds)["y"] == before).all()


def test_a_pair_is_looked_for_further_up_too():
    program = net(f"{PAIR}  t = Neg(r)  y = {MEAN} (t)", zero=0)
    assert guard_means(program) == 1
    assert ops(program)[-2:] == ["Max", "AveragePool"]


@pytest.mark.parametrize(
    ("body", "zero"),
    [
        (f"{PAIR}  y = {MEAN} (r)", 0),
        (f"y = {MEAN} (x)", 0),
        (f"{PAIR}  y = AveragePool <kernel_shape = [3,3], pads = [1,1,1,1]> (r)", 100),
        (f"{PAIR}  y = AveragePool <kernel_shape = [1,1], count_include_pad = 1> (r)", 100),
    ],
    ids=["zero is the integer 0", "no pairs", "pads are not counted", "no pads"],
)
def test_other_means_are_left_as_they_are(body, zero):
    program = net(body, zero)
    before = ops(program)
    assert guard_means(program) == 0
    assert ops(program) == before


BIASED = """<ir_version: 9, opset_import: ["": 17]>
net (float[1,3] x) => (float[1,3] y) { b = DequantizeLinear <axis = 0> (c, s, z)  y = Add(x, b) }"""


def biased(kind=np.int32, zero=0):
    held = {"c": np.array([5, -7, 9], kind), "s": np.array([0.1, 0.2, 0.3], np.float32)}
    return parse(BIASED, held | {"z": np.full(3, zero, kind)})


def test_a_constant_int32_pair_is_written_as_what_it_stands_for():
    program, feeds = biased(), {"x": np.ones((1, 3), np.float32)}
    before = Oracle(program).run(feeds)["y"]
    assert fold_biases(program) == 1
    assert ops(program) == ["Add"]
    assert [v.const_value.size for v in program.graph.graph.initializers.values()] == [3]
    assert (Oracle(program).run(feeds)["y"] == before).all()


@pytest.mark.parametrize("program", [biased(np.int8), biased(np.int8, zero=3)])
def test_weights_stay_integers(program):
    assert fold_biases(program) == 0
    assert ops(program) == ["DequantizeLinear", "Add"]


def test_blocks_are_cut_until_they_divide_the_rows():
    text = """<ir_version: 10, opset_import: ["": 21]>
    net (float[1,6] x) => (float[1,2] y) {
      w = DequantizeLinear <axis = 0, block_size = 4> (q, s)
      y = MatMul(x, w)
    }"""
    codes = np.arange(12, dtype=np.int8).reshape(6, 2)
    scale = np.array([[1, 2], [3, 4]], np.float32)
    program = parse(text, {"q": codes, "s": scale})
    even_blocks(program)
    first = program.graph.graph[0]
    assert first.attributes["block_size"].as_int() == 2
    np.testing.assert_array_equal(array(first.inputs[1]), [[1, 2], [1, 2], [3, 4]])
    got = Oracle(program).run({"x": np.eye(6, dtype=np.float32)[:1]})["y"]
    np.testing.assert_array_equal(got, codes[:1] * scale[:1])


def test_blocks_that_divide_the_rows_stay():
    text = """<ir_version: 10, opset_import: ["": 21]>
    net (float[1,4] x) => (float[1,2] y) {
      w = DequantizeLinear <axis = 0, block_size = 2> (q, s)
      y = MatMul(x, w)
    }"""
    scale = np.array([[1, 2], [3, 4]], np.float32)
    program = parse(text, {"q": np.ones((4, 2), np.int8), "s": scale})
    even_blocks(program)
    assert program.graph.graph[0].attributes["block_size"].as_int() == 2
    assert array(program.graph.graph[0].inputs[1]).shape == (2, 2)
