"""Models that break the specification, each refused with its node."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper as proto
from onnx import numpy_helper

from mcompile.errors import SourceError
from mcompile.frontend import soundness

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'


def model(text="a = Add(x, w) y = Neg(a)", weight=None):
    made = onnx.parser.parse_model(HEAD + f"g (float[2,3] x) => (float[2,3] y) {{ {text} }}")
    data = np.ones(3, np.float32) if weight is None else weight
    made.graph.initializer.append(numpy_helper.from_array(data, "w"))
    return made


def refused(made, words):
    with pytest.raises(SourceError, match=words) as caught:
        soundness.check(made, "m")
    assert caught.value.fix
    return caught.value.where


def test_a_sound_model_passes_and_stays_as_it_was():
    made = model(weight=np.ones((2000, 2, 3), np.float32))
    made.graph.output[0].type.tensor_type.shape.dim.add(dim_param="n")
    before = made.SerializeToString(deterministic=True)
    soundness.check(made, "m")
    assert made.SerializeToString(deterministic=True) == before


def test_an_opset_or_file_format_from_the_future_is_told():
    made = model()
    made.opset_import[0].version = 99
    refused(made, "opset 99 is newer than the newest that is known here")
    made = model()
    made.ir_version = 39
    refused(made, "IR version 39 is newer")


def test_a_model_that_names_no_opset_is_told_with_its_first_node():
    made = model()
    del made.opset_import[:]
    assert "node a (Add)" in refused(made, "does not say which opset of ai.onnx")
    made = model("a = com.microsoft.Gelu(x) y = Neg(a)")
    where = refused(made, "does not say which opset of com.microsoft")
    assert "node a (com.microsoft.Gelu)" in where


@pytest.mark.parametrize(
    ("text", "words", "node"),
    [
        ("a = Add(x) y = Neg(a)", "input size 1 not in range", "node n0 (Add)"),
        ("a = Neg(x, w) y = Neg(a)", "input size 2 not in range", "node n0 (Neg)"),
        ("a, b = Neg(x) y = Neg(a)", "output size 2 not in range", "node n0 (Neg)"),
        ("a = Relu <alpha = 1.0> (x) y = Neg(a)", "Unrecognized attribute", "node n0 (Relu)"),
        ("a = Cast(x) y = Neg(a)", "Required attribute 'to' is missing", "node n0 (Cast)"),
        ('a = LeakyRelu <alpha="b"> (x) y = Neg(a)', "Mismatched attribute", "node n0 (LeakyRelu)"),
        ("a = Not(x) y = Neg(a)", "has unsupported type", "node n0 (Not)"),
        ("a = Reluu(x) y = Neg(a)", "Reluu is not an operator of opset 17", "node n0 (Reluu)"),
        ("a = Cast <to = 7> (x) y = Neg(a)", "it makes INT64, and FLOAT is declared", "(Neg)"),
    ],
)
def test_a_node_that_is_none_of_its_op_is_named(text, words, node):
    made = model(text)
    for number, each in enumerate(made.graph.node):
        each.name = f"n{number}"
    assert node in refused(made, words)


def test_inputs_of_two_types_are_told():
    made = model(weight=np.ones(3, np.int64))
    made.graph.node[0].name = "add"
    assert "node add (Add)" in refused(made, "B has inconsistent type tensor.int64")


def test_a_type_that_is_declared_wrong_is_told_and_a_shape_is_not():
    made = model()
    made.graph.value_info.append(proto.make_tensor_value_info("a", onnx.TensorProto.INT32, [2, 3]))
    assert "(Add)" in refused(made, "it makes FLOAT, and INT32 is declared")
    made = model()
    made.graph.value_info.append(proto.make_tensor_value_info("a", onnx.TensorProto.FLOAT, [9, 3]))
    soundness.check(made, "m")


def test_the_node_of_a_branch_is_named_not_its_if():
    made = onnx.parser.parse_model(
        HEAD + "g (bool c, float[2] x) => (float[2] y) { y = If (c) <"
        "then_branch = t () => (float[2] p) { p = Not(x) },"
        "else_branch = e () => (float[2] q) { q = Abs(x) }> }"
    )
    assert refused(made, "unsupported type") == "m, node p (Not)"


@pytest.mark.parametrize("kind", ["input", "output"])
def test_an_input_or_output_without_a_type_is_named(kind):
    made = model()
    port = getattr(made.graph, kind)[0]
    port.type.tensor_type.ClearField("shape")
    if kind == "input":  # that of an output is inferred
        refused(made, f"the {kind} {port.name} has no rank")
    port.type.tensor_type.elem_type = 0
    refused(made, f"the {kind} {port.name} has no element type")
    port.ClearField("type")
    refused(made, f"the {kind} {port.name} has no type")


def test_a_weight_that_does_not_fit_is_named():
    made = model()
    made.graph.initializer[0].raw_data = b"1234567"
    assert refused(made, "7 bytes where") == "m, tensor w"


def test_weights_of_any_size_in_other_files_are_not_needed():
    """Three times four gigabytes, of which none is there."""
    made = model("a = Gather(w, i) y = Add(x, a)")
    made.graph.initializer[0].CopyFrom(
        onnx.TensorProto(name="w", data_type=1, dims=[3 << 30, 3], data_location=1)
    )
    made.graph.initializer[0].external_data.add(key="location", value="w.bin")
    made.graph.initializer.append(numpy_helper.from_array(np.zeros(2, np.int64), "i"))
    soundness.check(made, "m")
    made.graph.initializer.append(numpy_helper.from_array(np.zeros(3, np.int64), "k"))
    made.graph.node[1].input[1] = "k"
    assert "node y (Add)" in refused(made, "inconsistent type")


def test_an_op_of_an_imported_domain_that_nobody_knows_is_no_fault():
    made = model("a = my.lib.Magic(x, w) y = Neg(a)")
    made.opset_import.append(proto.make_opsetid("my.lib", 2))
    soundness.check(made, "m")
    made.opset_import.pop()
    assert "my.lib.Magic" in refused(made, "not an operator of opset none")


def test_names_are_checked_too():
    assert "node a (Add)" in refused(model("a = Add(x, v) y = Neg(a)"), "it reads v")
