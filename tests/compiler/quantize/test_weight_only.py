"""Linear layers on integer weights and float arithmetic."""

from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.errors import LoweringError
from mcompile.oracle import Oracle
from mcompile.quantize.weight_only import BITS, OPSETS, weight_only
from mcompile.types import Precision, Sample, Samples

from .nets import residual

EIGHT, FOUR = Precision.INT8_WEIGHTS, Precision.INT4_WEIGHTS


def mlp(opset=21, transposed=True):
    rng = np.random.default_rng(0)
    text = """<ir_version: 9, opset_import: ["": %d]>
    net (float[2,100] x) => (float[2,8] y) {
      h = Gemm %s (x, w1, b1)
      r = Relu(h)
      y = MatMul(r, w2)
    }"""
    first = rng.standard_normal((100, 64)).astype(np.float32) / 10
    program = graph.parse(
        text % (opset, "<transB = 1>" if transposed else ""),
        {
            "w1": first.T.copy() if transposed else first,
            "b1": rng.standard_normal(64).astype(np.float32),
            "w2": rng.standard_normal((64, 8)).astype(np.float32) / 8,
        },
    )
    graph.infer_shapes(program)
    return program


def samples(program, count=4):
    port = program.inputs[0]

    def stream():
        rng = np.random.default_rng(5)
        for _ in range(count):
            yield Sample({port.name: rng.standard_normal(port.shape).astype(np.float32)})

    return Samples("noise", stream, count)


def sqnr(program, other):
    signal = noise = 0.0
    for sample in samples(program):
        want, got = Oracle(program).run(sample.feeds)["y"], Oracle(other).run(sample.feeds)["y"]
        signal, noise = signal + (want**2).sum(), noise + ((want - got) ** 2).sum()
    return 10 * np.log10(signal / noise)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("precision", "least"), [(EIGHT, 40), (FOUR, 19)])
def test_the_model_is_computed_but_for_the_rounding_of_its_weights(precision, least, transposed):
    program = mlp(transposed=transposed)
    made, plan = weight_only(program, precision)
    onnx.checker.check_model(ir.to_proto(made.graph), full_check=True)
    assert least < sqnr(program, made) < least + 15
    assert set(plan.tensors) == {"w1", "w2"}
    assert plan.left_float == {}


def test_the_exact_graph_of_eight_bits():
    made, plan = weight_only(mlp(13), EIGHT)
    nodes = [(n.op_type, [v.name for v in n.inputs], dict(n.attributes)) for n in made.graph.graph]
    ops, inputs, attributes = zip(*nodes, strict=True)
    assert ops == ("DequantizeLinear", "Gemm", "Relu", "DequantizeLinear", "MatMul")
    assert inputs[0] == ["w1.integer", "w1.scale"]
    assert inputs[1] == ["x", "h.weight", "b1"]
    assert inputs[4] == ["r", "y.weight"]
    assert attributes[0]["axis"].value == 1
    assert "transB" not in attributes[1]
    held = made.graph.graph.initializers
    assert sorted(held) == ["b1", "w1.integer", "w1.scale", "w2.integer", "w2.scale"]
    assert (held["w1.integer"].dtype, list(held["w1.integer"].shape)) == (
        ir.DataType.INT8,
        [100, 64],
    )
    assert plan.tensors["w1"].axis == 0


def test_the_exact_graph_of_four_bits():
    made, plan = weight_only(mlp(), FOUR)
    first = next(n for n in made.graph.graph if n.op_type == "DequantizeLinear")
    assert [v.name for v in first.inputs] == ["w1.integer", "w1.scale", "w1.zero_point"]
    assert {k: a.value for k, a in first.attributes.items()} == {"axis": 0, "block_size": 32}
    held = made.graph.graph.initializers
    assert (held["w1.integer"].dtype, list(held["w1.integer"].shape)) == (
        ir.DataType.INT4,
        [100, 64],
    )
    assert list(held["w1.scale"].shape) == list(held["w1.zero_point"].shape) == [4, 64]
    assert made.graph.ir_version == 10
    params = plan.tensors["w1"]
    assert (params.dtype, params.axis, params.scale.shape) == ("int4", 0, (64,))
    np.testing.assert_array_equal(params.scale, held["w1.scale"].const_value.numpy().max(axis=0))


def test_codes_are_computed_when_they_are_written():
    for precision in BITS:
        made, _ = weight_only(mlp(), precision)
        codes = made.graph.graph.initializers["w1.integer"].const_value
        assert isinstance(codes, ir.LazyTensor)
        np.testing.assert_array_equal(codes.numpy(), codes.numpy())


@pytest.mark.parametrize("precision", BITS)
def test_a_program_comes_back_from_its_file_as_it_was(precision, tmp_path):
    made, _ = weight_only(mlp(), precision)
    graph.save(made, tmp_path / "m.onnx")
    again = graph.load(tmp_path / "m.onnx", "again")
    feeds = next(iter(samples(made))).feeds
    np.testing.assert_array_equal(Oracle(made).run(feeds)["y"], Oracle(again).run(feeds)["y"])
    floats = sum(v.const_value.nbytes for v in mlp().graph.graph.initializers.values())
    assert (tmp_path / "m.onnx").stat().st_size < {8: 0.4, 4: 0.32}[BITS[precision]] * floats


@pytest.mark.parametrize("block", [16, 64, 128, 256])
def test_a_block_is_no_longer_than_the_matrix_needs(block):
    made, _ = weight_only(mlp(), FOUR, block)
    found = [n.attributes["block_size"].value for n in made.graph.graph if n.attributes.get("axis")]
    assert found == [min(block, 128), min(block, 64)]


def test_smaller_blocks_lose_less():
    program = mlp()
    by_block = [sqnr(program, weight_only(program, FOUR, b)[0]) for b in (16, 128)]
    assert by_block[0] > by_block[1] + 1


def test_a_shared_weight_is_stored_once_and_read_by_each_through_its_own_node():
    rng = np.random.default_rng(0)
    program = graph.parse(
        """<ir_version: 10, opset_import: ["": 21]>
        net (float[1,32] x) => (float[1,32] y) {
          a = MatMul(x, w)
          b = Relu(a)
          y = MatMul(b, w)
        }""",
        {"w": rng.standard_normal((32, 32)).astype(np.float32)},
    )
    graph.infer_shapes(program)
    for precision in BITS:
        made, _ = weight_only(program, precision)
        reads = [n for n in made.graph.graph if n.op_type == "DequantizeLinear"]
        assert len(reads) == 2
        assert reads[0].inputs[0] is reads[1].inputs[0]
        assert len({r.outputs[0].name for r in reads}) == 2


def test_a_large_embedding_is_eight_bits_either_way():
    rng = np.random.default_rng(0)
    program = graph.parse(
        """<ir_version: 10, opset_import: ["": 21]>
        net (int64[1,3] i) => (float[1,3,8] y) { e = Gather(t, i)  y = MatMul(e, w) }""",
        {
            "t": rng.standard_normal((300, 64)).astype(np.float32),
            "w": rng.standard_normal((64, 8)).astype(np.float32),
        },
    )
    graph.infer_shapes(program)
    made, plan = weight_only(program, FOUR)
    assert {n: p.dtype for n, p in plan.tensors.items()} == {"t": "int8", "w": "int4"}
    assert Counter(n.op_type for n in made.graph.graph)["Gather"] == 2


def test_convolutions_stay_float_and_say_so():
    made, plan = weight_only(residual(), EIGHT)
    assert plan.left_float["b"] == "no Conv kernel computes in float from integer weights"
    assert Counter(n.op_type for n in made.graph.graph)["Conv"] == 3
    assert set(plan.tensors) == {"w4"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("y = MatMul(x, x)", "its weight is not a float32 constant"),
        ("y = MatMul(x, cube)", "its weight is not a matrix"),
        ("y = Gemm <alpha = 2.0> (x, square)", "alpha, beta or transA are not plain"),
        ("y = Gemm <transA = 1> (x, square)", "alpha, beta or transA are not plain"),
    ],
)
def test_a_layer_that_cannot_be_written_is_left_float_with_a_reason(body, reason):
    rng = np.random.default_rng(0)
    program = graph.parse(
        f"""<ir_version: 10, opset_import: ["": 21]> net (float[4,4] x) => (y) {{ {body} }}""",
        {
            "cube": rng.standard_normal((2, 4, 4)).astype(np.float32),
            "square": rng.standard_normal((4, 4)).astype(np.float32),
        },
    )
    made, plan = weight_only(program, FOUR)
    assert (plan.left_float, plan.tensors) == ({"y": reason}, {})
    assert len(made.graph.graph) == 1


@pytest.mark.parametrize(("precision", "opset"), [(EIGHT, 12), (FOUR, 20)])
def test_an_older_operator_set_is_refused_with_a_way_out(precision, opset):
    with pytest.raises(LoweringError) as caught:
        weight_only(mlp(opset), precision)
    needed = OPSETS[precision]
    assert str(caught.value).splitlines()[0] == (
        f"{precision.value} needs operator set {needed}, and the model is of {opset}"
    )
    assert caught.value.fix.endswith(f"a target that reads operator set {needed}")
    assert ("int8-weights" in caught.value.fix) is (precision is FOUR)


def test_a_block_that_no_kernel_has_is_refused():
    with pytest.raises(LoweringError, match="no kernel reads weights in blocks of 48") as caught:
        weight_only(mlp(), FOUR, 48)
    assert caught.value.fix == "16, 32, 64, 128, 256"


def test_the_source_is_left_as_it_was():
    program = mlp()
    weight_only(program, FOUR)
    assert [n.op_type for n in program.graph.graph] == ["Gemm", "Relu", "MatMul"]
    assert set(program.graph.graph.initializers) == {"w1", "b1", "w2"}
