"""Who reads a tensor in its rounded form, what it makes of it, and how values are rounded."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.readers import Reader, readers, rounded

from .nets import SCHEME, residual, samples


def node(program, name):
    return next(n for n in program.graph.graph if n.outputs[0].name == name)


def read(program, scheme, **changes):
    found = plan(program, observe(program, samples(program)), scheme)
    nodes = readers(program, replace(found, **changes), scheme)
    return {name: [n.outputs[0].name for n in reading] for name, reading in nodes.items()}


def test_what_an_integer_kernel_makes_is_read_rounded_by_everyone():
    found = read(residual(), SCHEME)
    assert found["a"] == ["b", "s"]
    assert found["c"] == ["g"]  # a pool that stays float
    assert list(found) == ["x", "a", "b", "s", "p", "c", "f"]


def test_another_value_is_read_rounded_by_integer_nodes_only():
    scheme = replace(SCHEME, closed=frozenset(), carried=frozenset())
    found = read(residual(), scheme)
    assert found["a"] == ["b"]
    assert found["f"] == ["y"]


def test_a_layer_left_float_reads_what_a_float_layer_hands_on():
    found = plan(residual(), observe(residual(), samples(residual())), SCHEME, {}, ["a0", "b"])
    nodes = readers(residual(), found, SCHEME)
    assert "a" not in nodes
    assert "s" not in nodes or [n.outputs[0].name for n in nodes["s"]] == ["p"]


def test_a_reader_gives_what_the_program_gives():
    program = residual()
    feeds = next(iter(samples(program))).feeds
    held = Oracle(program, ["a", "c0", "p"]).run(feeds)
    assert np.array_equal(Reader(node(program, "c0"), "p", program).of(held["p"]), held["c0"])


def test_of_two_computed_inputs_the_one_is_taken_as_it_is():
    program = residual()
    data = np.ones((1, 8, 16, 16), np.float32)
    assert Reader(node(program, "s"), "a", program).of(data) is data


def test_what_a_branch_reads_is_taken_as_it_is():
    program = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[4] x, bool c) => (float[4] y) {
          y = If (c) <
            then_branch = yes () => (float[4] a) { a = Relu(x) },
            else_branch = no () => (float[4] b) { b = Neg(x) }>
        }"""
    )
    inner = next(n for n in program.graph.graph.all_nodes() if n.op_type == "Relu")
    data = -np.ones(4, np.float32)
    assert Reader(inner, "x", program).of(data) is data
    assert Reader(node(program, "y"), "x", program).of(data) is data


@pytest.mark.parametrize("clip", [(-1.5, 2.0), (0.0, 3.0), (-0.3, 0.1)])
def test_values_are_rounded_as_the_runtime_rounds_them(clip):
    program = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[1,64,4] x) => (float[1,64,4] y) { y = MatMul(x, w) }""",
        {"w": np.eye(4, dtype=np.float32)},
    )
    graph.infer_shapes(program)
    found = plan(program, observe(program, samples(program)), SCHEME, {"x": clip})
    inserted = insert(program, found, SCHEME)
    feeds = next(iter(samples(program))).feeds
    wanted = Oracle(inserted, ["x.real"]).run(feeds)["x.real"]
    params = found.tensors["x"]
    first = -int(params.zero_point)
    got = rounded(feeds["x"], float(params.scale), first, first + 255)
    assert np.allclose(got, wanted, atol=1e-6)
