"""Nodes that are written in front of another, and the rows that they are told of."""

from __future__ import annotations

import pytest

from mcompile import graph
from mcompile.backends.litert.rows import Spelling, shape_of, sizes_of


def spelling(version=20, ports="float[n,6] x) => (float[n,6] y"):
    head = f'<ir_version: 10, opset_import: ["" : {version}]>'
    program = graph.parse(f"{head} g ({ports}) {{ y = Relu(x) }}")
    body = program.graph.graph
    return Spelling(body, body[0]), body


def test_nodes_stand_in_front_and_have_names_of_their_own():
    write, body = spelling()
    first = write("Mul", body.inputs[0], 2.0)
    second = write("Mul", first, 3.0)
    assert [n.op_type for n in body] == ["Mul", "Mul", "Relu"]
    assert (first.name, second.name) == ("y.mul", "y.mul_1")
    assert first.type == body[2].outputs[0].type


def test_numbers_become_constants_of_32_bits():
    write, body = spelling()
    write("Mul", body.inputs[0], 2.0)
    constant = body[0].inputs[1]
    assert constant.name in body.initializers
    assert graph.array(constant).dtype == "float32"


def test_pieces_have_names_of_their_own_and_one_piece_is_the_whole():
    write, body = spelling()
    found = write.split(body.inputs[0], 3, 2, 1)
    assert len({v.name for v in found}) == 3
    assert graph.array(body[0].inputs[1]).tolist() == [2, 2, 2]
    assert write.split(body.inputs[0], 1, 6, 1) == [body.inputs[0]]


@pytest.mark.parametrize(("version", "inputs"), [(17, 1), (18, 2)])
def test_a_mean_is_written_as_the_operator_set_has_it(version, inputs):
    write, body = spelling(version)
    write.mean(body.inputs[0], [1])
    assert len(body[0].inputs) == inputs
    assert ("axes" in body[0].attributes) is (inputs == 1)


def test_the_root_is_that_of_the_mean_of_squares():
    write, body = spelling()
    write.root(body.inputs[0], [1], 1e-5)
    assert [n.op_type for n in body] == ["Mul", "ReduceMean", "Add", "Pow", "Relu"]


def test_the_first_size_alone_may_be_free():
    assert shape_of(spelling()[1].inputs[0]) == (-1, 6)
    assert shape_of(spelling(ports="float[2,n] x) => (float[2,n] y")[1].inputs[0]) is None
    assert shape_of(None) is None


def test_sizes_that_are_not_known_are_told_from_others():
    assert sizes_of(spelling(ports="float[2,n] x) => (float[2,n] y")[1].inputs[0]) == (2, -1)
    assert sizes_of(None) == ()
