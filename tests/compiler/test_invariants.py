from __future__ import annotations

import dataclasses

import numpy as np
import onnx_ir as ir
import pytest

from mcompile.errors import Broken
from mcompile.graph import infer_shapes, parse
from mcompile.invariants import invariants

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'


@pytest.fixture
def program():
    text = HEAD + "g (float[2] x, bool c) => (float[2] y) { a = Add(x, w) y = Neg(a) }"
    return parse(text, {"w": np.ones(2, np.float32)})


BRANCH = (
    HEAD
    + """g (float[2] x, bool c) => (float[2] y) {
    a = Neg(x)
    y = If (c) <
        then_branch = t () => (float[2] p) { p = Abs(a) },
        else_branch = e () => (float[2] q) { k = Add(x, a) q = Abs(k) }
    >
}"""
)


def test_a_well_formed_program_passes(program):
    invariants(program)
    invariants(parse(BRANCH))
    infer_shapes(program)
    invariants(program)


def test_a_weight_that_is_an_input_too_is_defined_once():
    text = HEAD + "g (float[2] x, float[2] w) => (float[2] y) { y = Add(x, w) }"
    invariants(parse(text, {"w": np.ones(2, np.float32)}))


def check(program, message):
    with pytest.raises(Broken, match=message) as caught:
        invariants(program)
    return caught.value


def test_a_node_that_reads_what_is_made_later_is_named(program):
    body = program.graph.graph
    last = body[-1]
    body.remove(last)
    body.insert_before(body[0], last)
    error = check(program, "it reads a before anything defines it")
    assert error.where == "Neg y"


def test_a_value_that_nothing_makes_is_named(program):
    program.graph.graph[1].replace_input_with(0, ir.Value(name="lost"))
    check(program, "it reads lost before anything defines it")


def test_another_value_of_the_same_name_is_not_the_same(program):
    program.graph.graph[1].replace_input_with(0, ir.Value(name="a"))
    check(program, "it reads a before anything defines it")


def test_a_name_that_is_defined_twice_is_told(program):
    program.graph.graph[0].outputs[0].name = "x"
    check(program, "x is defined twice")


def test_a_branch_may_not_shadow_an_outer_name():
    program = parse(BRANCH)
    branch = program.graph.graph[1].attributes["else_branch"].as_graph()
    branch[0].outputs[0].name = "a"
    check(program, "a is defined twice")


def test_what_a_branch_makes_is_unknown_outside():
    program = parse(BRANCH)
    branch = program.graph.graph[1].attributes["else_branch"].as_graph()
    program.graph.graph.append(ir.Node("", "Abs", branch[0].outputs))
    check(program, "it reads k before anything defines it")


def test_an_op_of_a_domain_without_an_opset_is_named(program):
    program.graph.graph[1].domain = "com.example"
    error = check(program, "no opset for the domain com.example")
    assert error.where == "Neg y"
    program.graph.graph[1].domain = ""
    del program.graph.opset_imports[""]
    check(program, "no opset for the domain ai.onnx")


def test_a_constant_is_what_it_declares(program):
    value = program.graph.graph.initializers["w"]
    value.shape = ir.Shape([3])
    check(program, r"w declares \[3\], and is \[2\]")
    value.shape = ir.Shape([2])
    value.type = ir.TensorType(ir.DataType.INT64)
    check(program, "w declares INT64, and is FLOAT")
    value.const_value = None
    check(program, "the constant w has no data")


def test_inputs_and_outputs_are_still_those_of_the_program(program):
    check(
        dataclasses.replace(program, inputs=program.inputs[:1]), "the inputs are x, c in place of x"
    )
    program.graph.graph.outputs[0].name = "z"
    check(program, "the outputs are z in place of y")


def test_an_output_that_no_node_makes_is_told(program):
    program.graph.graph.remove(program.graph.graph[1])
    check(program, "the output y is made by no node")
