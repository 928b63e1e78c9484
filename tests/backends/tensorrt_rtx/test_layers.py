"""What is read from the compiler's list of layers, which is here as release 1.7 wrote it."""

import pytest

from .desk import target  # noqa: F401  (skips without the package)

from mcompile.backends.tensorrt_rtx.layers import described, multiplied  # isort: skip

PORT = "{{ Name: {}, Dimensions: [1,8,12,12], Datatype: {}, Format: (NHWC) Channel major format }}"
CONV = PORT.format("a", "Int8")
LISTED = f"""Layers:
Name: __myl_Round_0, LayerType: kgen, Inputs: [ {PORT.format("x", "Float")}], Outputs: [ {CONV}]
Name: a0_1, LayerType: correlation, Inputs: [ {CONV}], Constants: [ {PORT.format("w", "Float")}], Outputs: [ {PORT.format("b", "Float")}], TacticName: sm80
Name: g_2, LayerType: gemm, Inputs: [ {PORT.format("b", "Half")}, {CONV}], Outputs: [ {CONV}]
Name: g_3, LayerType: runtime_fusion, Inputs: [ {PORT.format("b", "Half")}], Outputs: [ {CONV}]
Name: p_4, LayerType: maxpool, Inputs: [ {CONV}], Outputs: [ {CONV}]
"""  # noqa: E501


def test_products_are_counted_by_what_they_read_first():
    assert multiplied(LISTED) == {"fp16": 2, "int8": 1}
    assert multiplied("") == {}


@pytest.mark.parametrize(
    ("products", "words"),
    [
        ({"fp16": 2, "int8": 36}, "2 products of fp16, 36 of int8"),
        ({"fp32": 1}, "1 product of fp32"),
        ({}, "no products"),
    ],
)
def test_they_are_told_in_words(products, words):
    assert described(products) == words
