"""The microcontroller's scheme: LiteRT's int8, covered from input to output."""

from mcompile.schemes.litert import LITERT_INT8
from mcompile.schemes.microcontroller import MICROCONTROLLER

from .programs import drawn, planned


def test_a_keyword_spotter_is_covered_from_input_to_output():
    text = """net (float[1,1,8,8] x) => (float[1,3] y) {
      a = Conv <pads = [1,1,1,1], strides = [2,2]> (x, w, b)
      r = Relu(a)
      d = Conv <group = 4, pads = [1,1,1,1]> (r, dw)
      g = GlobalAveragePool(d)
      f = Flatten(g)
      l = Gemm(f, v, c)
      y = Softmax(l)
    }"""
    weights = {"w": (4, 1, 3, 3), "b": (4,), "dw": (4, 1, 3, 3), "v": (4, 3), "c": (3,)}
    program, found = planned(text, weights, MICROCONTROLLER)
    assert found.left_float == {}
    assert drawn(program, found, MICROCONTROLLER) == [
        "a = Conv([x], [w], [b])",
        "r = Relu(a)",
        "d = Conv([r], [dw])",
        "g = GlobalAveragePool([d])",
        "f = Flatten([g])",
        "l = Gemm([f], [v], [c])",
        "y = Softmax([l])",
        "-> [y]",
    ]


def test_it_is_the_specification_of_litert():
    assert MICROCONTROLLER == LITERT_INT8
