import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import numpy_helper

from mcompile import graph
from mcompile.errors import SourceError
from mcompile.frontend import capture
from mcompile.frontend.format import look
from mcompile.frontend.onnx import Onnx
from mcompile.frontend.options import CaptureOptions
from mcompile.oracle import Oracle
from mcompile.types import Port

OPTIONS = CaptureOptions(name="net")


def read(model, tmp_path, options=OPTIONS):
    path = tmp_path / "net.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    assert Onnx().recognizes(look(path))
    return Onnx().read(look(path), options)


def text(body, opset=17):
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> {body}')


def test_a_file_computes_what_it_says(tmp_path, affine):
    program = read(affine, tmp_path)
    assert program.inputs == (Port("x", "float32", ("N", 3)),)
    y = Oracle(program).run({"x": np.ones((2, 3), np.float32)})["y"]
    assert y.tolist() == [[10, 11], [10, 11]]


def test_inputs_fix_free_dimensions(tmp_path, affine):
    fixed = CaptureOptions(name="net", inputs=(Port("", "float32", (4, 3)),))
    program = read(affine, tmp_path, fixed)
    assert program.inputs[0].shape == (4, 3)
    assert program.outputs[0].shape == (4, 2)


def test_a_model_in_memory_is_a_source_and_stays_as_it_was(affine):
    for given in (affine, ir.from_proto(affine)):
        assert Onnx().recognizes(look(given))
        program = Onnx().read(look(given), OPTIONS)
        program.graph.graph.name = "changed"
        assert program.inputs[0].name == "x"
    assert affine.graph.name == "affine"


def test_external_tensors_stay_on_disk(tmp_path, monkeypatch):
    model = text("g (float[1, 64] x) => (float[1, 64] y) { y = MatMul(x, w) }")
    weights = np.random.default_rng(0).standard_normal((64, 64), dtype=np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="w.bin")
    monkeypatch.chdir(tmp_path)
    program = Onnx().read(look("m.onnx"), OPTIONS)
    tensor = program.graph.graph.initializers["w"].const_value
    assert isinstance(tensor, ir.ExternalTensor)
    monkeypatch.chdir("/")
    x = np.ones((1, 64), np.float32)
    y = Oracle(program).run({"x": x})["y"]
    np.testing.assert_allclose(y, x @ weights, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [3, 20, 100])
def test_a_truncated_file_is_damaged(tmp_path, affine, size):
    data = affine.SerializeToString()
    with pytest.raises(SourceError, match=r"truncated or damaged|has no graph"):
        read(data[:-size], tmp_path)


def test_another_protobuf_is_no_model(tmp_path):
    with pytest.raises(SourceError, match="it has no graph"):
        read(onnx.ModelProto(ir_version=8), tmp_path)


def test_an_unknown_operator_is_named_with_its_node(tmp_path, affine):
    affine.graph.node[1].op_type, affine.graph.node[1].name = "Addd", "last"
    with pytest.raises(SourceError, match="Addd is not an operator of opset 17") as caught:
        read(affine, tmp_path)
    assert "node last (Addd)" in caught.value.where
    affine.graph.node[1].domain = "my.lib"
    with pytest.raises(SourceError, match=r"my\.lib\.Addd is not an operator of opset none"):
        read(affine, tmp_path)


def test_an_unknown_operator_in_a_branch_is_found(tmp_path):
    model = text(
        "g (bool c, float[2] x) => (float[2] y) { y = If (c) <"
        "then_branch = a () => (float[2] t) { t = Relu(x) },"
        "else_branch = b () => (float[2] e) { e = Reluu(x) }> }"
    )
    with pytest.raises(SourceError, match="Reluu is not an operator"):
        read(model, tmp_path)


def test_an_operator_newer_than_the_opset_is_unknown(tmp_path):
    model = text("g (float[2] x) => (float[2] y) { y = Gelu(x) }", opset=17)
    with pytest.raises(SourceError, match="Gelu is not an operator of opset 17"):
        read(model, tmp_path)


def test_a_function_of_the_model_is_known(tmp_path):
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17, "mine": 1]>'
        " g (float[2] x) => (float[2] y) { y = mine.twice(x) }"
        ' <domain: "mine", opset_import: ["": 17]> twice (a) => (b) { b = Add(a, a) }'
    )
    assert read(model, tmp_path).graph.functions


def test_an_invalid_graph_says_why(tmp_path, affine):
    affine.graph.node[0].input[0] = "nobody"
    with pytest.raises(SourceError, match="it reads nobody, which nothing makes") as caught:
        read(affine, tmp_path)
    assert caught.value.where.endswith("node m (MatMul)")


def test_nodes_that_are_out_of_order_are_put_in_order(tmp_path, affine):
    nodes = list(affine.graph.node)
    del affine.graph.node[:]
    affine.graph.node.extend(reversed(nodes))
    text = affine.SerializeToString()
    program = read(affine, tmp_path)
    assert [n.op_type for n in program.graph.graph] == ["MatMul", "Add"]
    y = Oracle(program).run({"x": np.ones((2, 3), np.float32)})["y"]
    assert y.tolist() == [[10, 11], [10, 11]]
    assert affine.SerializeToString() == text


def test_a_graph_without_a_name_is_given_one(tmp_path, affine):
    affine.graph.name = ""
    assert read(affine, tmp_path).graph.graph.name == "net"


def test_a_graph_without_outputs_is_no_model(tmp_path, affine):
    del affine.graph.output[:]
    with pytest.raises(SourceError, match="the graph has no outputs") as caught:
        read(affine, tmp_path)
    assert caught.value.fix


def test_an_op_of_a_domain_that_is_imported_and_unknown_is_read(tmp_path, affine):
    affine.graph.node[1].domain = "my.lib"
    affine.opset_import.append(onnx.helper.make_opsetid("my.lib", 3))
    assert read(affine, tmp_path).graph.graph[1].domain == "my.lib"


def test_sparse_weights_are_refused(tmp_path, affine):
    affine.graph.sparse_initializer.add().values.name = "s"
    with pytest.raises(SourceError, match="sparse initializers"):
        read(affine, tmp_path)


def test_a_model_in_memory_without_its_external_data_is_refused(affine):
    affine.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(SourceError, match="external data was not loaded"):
        Onnx().read(look(affine), OPTIONS)


def test_an_old_opset_is_captured_as_it_is(tmp_path):
    model = text("g (float[1, 4] x) => (float[1, 4] y) { y = Softmax<axis=1>(x) }", opset=11)
    assert graph.opset(read(model, tmp_path)) == 11


def test_weights_that_an_old_file_lists_as_inputs_are_weights(tmp_path):
    model = text("g (float[2] x, float[2] w) => (float[2] y) { y = Add(x, w) }", opset=7)
    model.ir_version = 3
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(2, np.float32), "w"))
    program = read(model, tmp_path)
    assert [v.name for v in program.graph.graph.inputs] == ["x"]
    assert graph.is_constant(program.graph.graph.initializers["w"])
    assert program.graph.ir_version >= 4


def test_an_old_opset_is_left_where_it_does_not_work(tmp_path):
    model = text(
        "g (float[2, 1, 3] x, float[1, 4, 3] w, float[1, 4, 4] r) => (float[2, 1, 1, 4] y)"
        "{ y = RNN<hidden_size=4>(x, w, r) }",
        opset=6,
    )
    assert graph.opset(read(model, tmp_path)) == 6


def made(text, tmp_path, opset=17, **weights):
    head = f'<ir_version: 9, opset_import: ["": {opset}]>'
    graph.save(graph.parse(head + text, weights), tmp_path / "odd.onnx")
    return capture(tmp_path / "odd.onnx")


def test_the_rank_of_an_output_is_inferred(tmp_path):
    found = made("g (float[n,5] x) => (float y) { y = Relu(x) }", tmp_path)
    model = onnx.load(tmp_path / "odd.onnx")
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, tmp_path / "odd.onnx")
    found = capture(tmp_path / "odd.onnx")
    assert [p.shape for p in found.outputs] == [("n", 5)]


def test_a_rank_that_nothing_tells_is_refused(tmp_path):
    text = "g (float[n] x, int64[k] s) => (float[a] y) { y = Reshape(x, s) }"
    made(text, tmp_path)
    model = onnx.load(tmp_path / "odd.onnx")
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(SourceError, match="has no rank"):
        capture(tmp_path / "odd.onnx")


def test_a_single_nan_stands_for_what_is_missing(tmp_path):
    text = "g (bool[2] m, float[2] x) => (float[2] y) { y = Where(m, x, nan) }"
    found = made(text, tmp_path, nan=np.float32(np.nan))
    assert [p.name for p in found.outputs] == ["y"]


def test_a_group_norm_of_opset_18_is_read(tmp_path):
    text = """g (float[1,4,3] x) => (float[1,4,3] y) {
        y = GroupNormalization<num_groups = 2>(x, s, s)
    }"""
    assert graph.opset(made(text, tmp_path, 18, s=np.ones(2, np.float32))) == 18
