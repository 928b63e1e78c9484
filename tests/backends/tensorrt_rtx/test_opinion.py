"""What NVIDIA's compiler says to graphs for GPUs that it does, or does not, compile for."""

import pytest

from .desk import product, program  # skips without the package

from mcompile.backends.tensorrt_rtx import builder  # isort: skip
from mcompile.backends.tensorrt_rtx.opinion import opinion  # isort: skip
from mcompile.errors import LoweringError  # isort: skip
from mcompile.graph import save  # isort: skip

NEAR = ", the nearest that it compiles for"
ONE = ": 1 product of fp32"


def asked(source, capability, folder):
    save(source, folder / "model.onnx")
    return opinion(folder / "model.onnx", source, capability)


@pytest.mark.parametrize(
    ("capability", "words"),
    [
        ("5.3", "parsed it; it compiles for no GPU as old as 5.3"),
        ("8.7", f"compiled it for compute capability 8.6{NEAR}{ONE}"),
        ("8.9", f"compiled it for compute capability 8.9{ONE}"),
        ("9.0", f"compiled it for compute capability 8.9{NEAR}{ONE}"),
        ("7.5", f"compiled it for compute capability 8.0{NEAR}{ONE}"),
    ],
)
def test_it_says_for_which_gpu_and_what_is_multiplied_there(capability, words, tmp_path):
    wide = "(float[8,64] x, float[64,64] w) => (float[8,64] y)"
    told = asked(program("y = MatMul(x, w)", wide), capability, tmp_path)
    assert told == f"TensorRT-RTX {builder.version()} {words}"


def test_on_turing_it_is_for_turing_where_that_can_be(tmp_path):
    assert asked(program("y = Relu(x)"), "7.5", tmp_path).endswith("capability 7.5")


def test_a_product_of_one_row_is_no_layer_of_its_own(tmp_path):
    assert asked(product(), "8.9", tmp_path).endswith("no products")


@pytest.mark.parametrize("capability", ["5.3", "7.5", "8.7"])
def test_a_refusal_names_the_node(capability, tmp_path):
    with pytest.raises(LoweringError) as caught:
        asked(program("a = Relu(x) [it] y = nobody.knows.Frobnicate(a)"), capability, tmp_path)
    assert caught.value.where.startswith("node it (Frobnicate)")


def test_an_op_that_only_the_other_runtime_has_is_told_and_not_refused(tmp_path):
    ports = "(float[1,2,8,8] x, float[3,4] r, int64[3] i) => (float[3,2,2,2] y)"
    body = "[it] y = RoiAlign<output_height=2, output_width=2>(x, r, i)"
    told = asked(program(body, ports), "8.7", tmp_path)
    assert "cannot tell: node it (RoiAlign)" in told
