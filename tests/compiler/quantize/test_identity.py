"""Tensors are the same where the same is computed, by whatever name."""

import numpy as np
import onnx
import onnx.helper as proto
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.quantize.identity import identities, of_model

TEXT = """<ir_version: 9, opset_import: ["": 17]>
net (float[1,4] x) => (float[1,4] y) {
  a = MatMul(x, w)
  b = Softmax <axis = 1> (a)
  y = Add(a, b)
}"""
WEIGHT = np.arange(16, dtype=np.float32).reshape(4, 4)


def known(text=TEXT, weight=WEIGHT):
    return identities(graph.parse(text, {"w": weight}))


def test_names_of_inner_tensors_do_not_matter():
    other = known(TEXT.replace("a = ", "c = ").replace("(a", "(c"))
    assert other["c"] == known()["a"]
    assert other["y"] == known()["y"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("Softmax", "LogSoftmax"), ("axis = 1", "axis = 0"), ("(a, b)", "(b, a)"), ("(a)", "(x)")],
)
def test_what_is_computed_otherwise_is_another_and_all_behind_it(old, new):
    before, after = known(), known(TEXT.replace(old, new))
    assert before["a"] == after["a"]
    assert before["y"] != after["y"]


def test_one_weight_that_moved_makes_everything_behind_it_another():
    moved = WEIGHT.copy()
    moved[3, 3] += 1e-3
    before, after = known(), known(weight=moved)
    assert before["x"] == after["x"]
    assert not {before[n] for n in ("w", "a", "b", "y")} & {*after.values()}


def test_type_and_shape_of_a_weight_matter_beside_its_bytes():
    found = [WEIGHT, WEIGHT.view(np.int32), WEIGHT.reshape(2, 8)]
    assert len({known(weight=w)["w"] for w in found}) == 3


def test_an_operator_set_matters_where_it_redefines_the_op():
    before = known()
    newer = known(TEXT.replace("17", "18"))
    older = known(TEXT.replace("17", "12"))
    assert before == newer
    assert older["a"] != before["a"] or older["b"] != before["b"]
    assert older["b"] != before["b"]


def test_an_optional_input_left_out_is_not_the_next_one():
    text = """<ir_version: 9, opset_import: ["": 17]>
    net (float[4] x, float l) => (float[4] y) { y = Clip(x, %s) }"""
    low, high = (identities(graph.parse(text % a))["y"] for a in ("l", '"", l'))
    assert low != high


def branched(weight, outer="x"):
    text = f"""<ir_version: 9, opset_import: ["": 17]>
    net (bool c, float[2] x, float[2] z) => (float[2] y) {{
      y = If (c) <
        then_branch = t () => (float[2] p) {{ p = Relu({outer}) }},
        else_branch = e () => (float[2] q) {{ q = Add(x, k) }}>
    }}"""
    made = onnx.parser.parse_model(text)
    branch = next(a.g for a in made.graph.node[0].attribute if a.name == "else_branch")
    branch.initializer.append(onnx.numpy_helper.from_array(np.asarray(weight, np.float32), "k"))
    return graph.program("net", ir.from_proto(made))


def test_branches_count_with_their_weights_and_what_they_read_outside():
    found = [branched([1, 2]), branched([1, 3]), branched([1, 2], "z")]
    assert len({identities(p)["y"] for p in found}) == 3
    assert identities(branched([1, 2]))["y"] == identities(branched([1, 2]))["y"]


def test_the_body_of_a_function_is_part_of_the_op():
    def called(op):
        body = proto.make_function(
            "own", "F", ["i"], ["o"], [proto.make_node(op, ["i"], ["o"])],
            [proto.make_opsetid("", 17)],
        )  # fmt: skip
        ports = [proto.make_tensor_value_info(n, 1, [2]) for n in ("x", "y")]
        node = proto.make_node("F", ["x"], ["y"], domain="own")
        inner = proto.make_graph([node], "net", ports[:1], ports[1:])
        opsets = [proto.make_opsetid("", 17), proto.make_opsetid("own", 1)]
        model = proto.make_model(inner, functions=[body], opset_imports=opsets)
        return identities(graph.program("net", ir.from_proto(model)))["y"]

    assert called("Relu") != called("Neg")
    assert called("Relu") == called("Relu")


def test_a_model_is_its_ports_and_what_it_computes():
    def of(text, weight=WEIGHT):
        made = graph.parse(text, {"w": weight})
        return of_model(made, identities(made))

    assert of(TEXT) == of(TEXT.replace("a = ", "c = ").replace("(a", "(c"))
    assert of(TEXT) != of(TEXT, WEIGHT + 1)
    assert of(TEXT) != of(TEXT.replace("y = ", "z = ").replace("4] y)", "4] z)"))


def test_texts_and_narrow_types_have_identities_too():
    texts = np.array(["a", "b"], object)
    one, other = (
        identities(graph.parse(TEXT, {"w": WEIGHT, "s": s})) for s in (texts, texts[::-1])
    )
    assert one["s"] != other["s"]
    made = graph.parse(TEXT, {"w": WEIGHT})
    graph.initializer(made.graph.graph, "h", WEIGHT.astype(ir.DataType.BFLOAT16.numpy()))
    assert len({*identities(made).values()}) == 6
