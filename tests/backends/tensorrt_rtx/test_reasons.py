"""What is made of the compiler's words. Those of this file are its own, of release 1.7."""

import pytest

from .desk import product, program  # skips without the package

from mcompile.backends.tensorrt_rtx.reasons import limited_by_turing, refusal  # isort: skip

MYELIN = "IBuilder::buildSerializedNetwork: Error Code 1: Myelin ([pass.cpp:337: check_turing_op_compatibility] {} In compileGraph at /_src/optimizer/myelin/codeGenerator.cpp:2012)"  # noqa: E501
GEMM = MYELIN.format("Cannot compile operation '{}' for Turing (SM75): FP32 GEMM is not supported.")
LOOP = "$$myelin$$(Unnamed Loop* 0)^(Unnamed Layer* 31) [Matrix Multiply]"
TYPES = "Invalid Node - {}\nITensor::getDimensions: Error Code 4: API Usage Error ({}: ElementWiseOperation SUM must have same input types. But they are of types Float and Half. In validateTypes at /_src/optimizer/common/nodes/elementWiseNode.cpp:40)\n[checkMacros.cpp::catchCudaError::250] Error Code 1: Cuda Runtime (In catchCudaError at /_src/common/dispatch/checkMacros.cpp:250 (cudaError 35: CUDA driver version is insufficient for CUDA runtime version))"  # noqa: E501


def said(what, node="", op="", index=-1):
    return [{"node": node, "op": op, "index": index, "what": what}]


def test_a_refused_operation_is_named_without_the_vendor_s_sources():
    error = refusal(said(GEMM.format("mul")), product())
    assert error.where == (
        "node mul (MatMul): Cannot compile operation 'mul' for Turing (SM75): "
        "FP32 GEMM is not supported."
    )


def test_the_limits_of_turing_are_told_apart():
    assert limited_by_turing(refusal(said(GEMM.format("mul")), product()))
    assert not limited_by_turing(refusal(said("no", "mul", "MatMul"), product()))


def test_what_the_parser_says_of_types_keeps_its_one_sentence():
    summed = program("[sum] y = Add(x, x)")
    error = refusal(said(TYPES.format("sum", "sum"), "sum", "Add", 0), summed)
    assert error.where == (
        "node sum (Add): sum: ElementWiseOperation SUM must have same input types. "
        "But they are of types Float and Half."
    )


@pytest.mark.parametrize("node", ["", "node_of_y"])
def test_a_node_without_a_name_is_called_by_what_it_makes(node):
    unnamed = program("a = Relu(x) y = Abs(a)")
    error = refusal(said("false", node, "Abs", 1), unnamed)
    assert error.where == "node y (Abs): it is not supported"


def test_a_layer_of_a_loop_is_the_recurrent_layer_s():
    weights = "w, r"
    body = f"h, y = GRU <hidden_size = 4> (x, {weights})"
    recurrent = program(
        body, "(float[5,1,6] x, float[1,12,6] w, float[1,12,4] r) => (float[1,1,4] y)"
    )
    error = refusal(said(GEMM.format(LOOP)), recurrent)
    assert error.where.startswith("node h (GRU): ")


def test_words_that_name_nothing_are_told_as_they_are():
    error = refusal(said("out of something"), product())
    assert error.where == "out of something"
    assert error.fix
