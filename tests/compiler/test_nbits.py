"""DequantizeLinear and a product as one MatMulNBits."""

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest

from mcompile import graph, nbits
from mcompile.oracle import Oracle

ROWS, COLUMNS = 100, 12
INT4 = np.dtype(ir.DataType.INT4.numpy())


def program(body, constants, shape="2,3,100", opset=21):
    """A product of x and a weight that is made of codes; `b` is a bias, `b2` one of two axes."""
    constants |= {"b": np.arange(COLUMNS, dtype=np.float32)}
    constants |= {"b2": np.ones((1, COLUMNS), np.float32)}
    text = f"""<ir_version: 10, opset_import: ["": {opset}]>
    net (float[{shape}] x) => (y) {{ {body} }}"""
    proto = graph.parse(text)
    made = graph.program("net", proto.graph)
    read = {v.name: v for n in made.graph.graph for v in n.inputs if v is not None}
    for name in sorted(constants.keys() & read.keys()):
        value = graph.initializer(made.graph.graph, f"{name}.constant", constants[name])
        ir.convenience.replace_all_uses_with(read[name], value)
        value.name = name
    graph.infer_shapes(made)
    return made


def eight(body="w = DequantizeLinear <axis = 1> (q, s)  y = MatMul(x, w)", rows=ROWS, **given):
    rng = np.random.default_rng(0)
    codes = rng.integers(-127, 128, (rows, COLUMNS)).astype(np.int8)
    scale = rng.uniform(0.5, 1.5, COLUMNS).astype(np.float32)
    return program(body, {"q": codes, "s": scale}, **given)


def four(block=32, zero=True, rows=ROWS, tail="y = MatMul(x, w)", **given):
    rng = np.random.default_rng(0)
    shape = (-(-rows // block), COLUMNS)
    constants = {
        "q": rng.integers(-8, 8, (rows, COLUMNS)).astype(INT4),
        "s": rng.uniform(0.5, 1.5, shape).astype(np.float32),
        "z": rng.integers(-8, 8, shape).astype(INT4),
    }
    last = ", z" if zero else ""
    body = f"w = DequantizeLinear <axis = 0, block_size = {block}> (q, s{last})  {tail}"
    return program(body, constants, **given)


def fused(source):
    made = graph.clone(source)
    nbits.fuse(made)
    return made


def feeds(source, seed=1):
    port = source.inputs[0]
    return {"x": np.random.default_rng(seed).standard_normal(port.shape).astype(np.float32)}


def computed(made, tmp_path, given):
    graph.save(made, tmp_path / "m.onnx")
    session = ort.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    return session.run(None, given)[0]


@pytest.mark.parametrize(
    "source",
    [
        eight(),
        eight("w = DequantizeLinear <axis = 1> (q, s)  y = Gemm(x, w, b)", shape="3,100"),
        eight("w = DequantizeLinear <axis = 1> (q, s)  y = Gemm(x, w)", shape="3,100"),
        eight(rows=256, shape="2,3,256"),
        eight(rows=20, shape="2,20", opset=13),
        four(),
        four(zero=False),
        four(block=16),
        four(block=128),
        four(rows=96, shape="2,96"),
        four(tail="y = Gemm(x, w, b)", shape="3,100"),
        four(zero=False, tail="y = Gemm(x, w, b)", shape="3,100"),
    ],
)
def test_the_kernel_computes_what_the_pair_computes(source, tmp_path):
    made, given = fused(source), feeds(source)
    assert [n.op_type for n in made.graph.graph] == ["MatMulNBits"]
    want, got = Oracle(source).run(given)["y"], computed(made, tmp_path, given)
    assert got.shape == want.shape
    # What is lost is the rounding of the activations to eight bits.
    assert 10 * np.log10((want**2).sum() / ((want - got) ** 2).sum()) > 36


def test_codes_count_from_zero_up_two_to_a_byte():
    source = four(block=64, zero=False)
    held = source.graph.graph.initializers
    node = fused(source).graph.graph[0]
    packed, codes = graph.array(node.inputs[1]), graph.array(held["q"]).astype(int)
    assert (packed.shape, packed.dtype) == ((COLUMNS, 2, 32), np.uint8)
    assert packed[3, 0, 5] == (codes[10, 3] + 8) | (codes[11, 3] + 8) << 4
    assert packed[3, 1, -1] == 8 | 8 << 4  # filled up with zeros
    np.testing.assert_array_equal(graph.array(node.inputs[2]), graph.array(held["s"]).T)
    assert {k: a.value for k, a in node.attributes.items()} == {
        "K": 100, "N": 12, "bits": 4, "block_size": 64, "accuracy_level": 4,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "block"), [(1024, 128), (100, 16), (192, 64), (48, 16), (16, 16), (120, 128)]
)
def test_eight_bits_take_the_largest_block_that_wastes_little(rows, block):
    node = fused(eight(rows=rows, shape=f"1,{rows}")).graph.graph[0]
    assert node.attributes["block_size"].value == block


def test_the_bias_is_the_sixth_input():
    node = fused(four(tail="y = Gemm(x, w, b)", shape="3,100")).graph.graph[0]
    assert len(node.inputs) == 6
    assert [v.name if v else None for v in node.inputs][-2:] == [None, "b"]


def test_a_shared_weight_is_packed_once():
    body = """w = DequantizeLinear <axis = 1> (q, s)  v = DequantizeLinear <axis = 1> (q, s)
      a = MatMul(x, w)  c = MatMul(x, v)  y = Add(a, c)"""
    made = fused(eight(body))
    first, second = (n for n in made.graph.graph if n.op_type == "MatMulNBits")
    assert first.inputs[1] is second.inputs[1]
    assert len(made.graph.graph.initializers) == 2


@pytest.mark.parametrize(
    "body",
    [
        "w = DequantizeLinear <axis = 0> (q, s)  y = MatMul(x, w)",
        "w = DequantizeLinear <axis = 1> (q, s)  y = Gemm(x, w, b2)",
        "w = DequantizeLinear <axis = 1> (q, s)  y = Gemm <alpha = 2.0> (x, w)",
        "w = DequantizeLinear <axis = 1> (q, s)  y = Gemm <transA = 1> (x, w)",
        "w = DequantizeLinear <axis = 1> (q, s)  y = Add(x, w)",
        "w = DequantizeLinear <axis = 1> (q, s)  n = Neg(w)  a = MatMul(x, w)  y = MatMul(a, n)",
        "t = Neg(s)  w = DequantizeLinear <axis = 1> (q, t)  y = MatMul(x, w)",
    ],
)
def test_what_the_op_cannot_say_is_left_as_it_is(body):
    source = eight(body, shape="100,100")
    made = fused(source)
    assert [n.op_type for n in made.graph.graph] == [n.op_type for n in source.graph.graph]
    assert "com.microsoft" not in made.graph.opset_imports
