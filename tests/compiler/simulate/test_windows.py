"""Windows, held against the shapes that ONNX infers."""

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.simulate.windows import window


@pytest.mark.parametrize("auto_pad", ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("ceil_mode", [0, 1])
@pytest.mark.parametrize("size", [7, 8, 9])
def test_sizes_are_those_of_the_standard(size, ceil_mode, auto_pad):
    pads = "pads = [1,0,1,1], " if auto_pad == "NOTSET" else ""
    text = f"""<ir_version: 9, opset_import: ["": 19]>
    net (float[1,1,{size},10] x) => (float y) {{
      y = AveragePool <{pads}auto_pad = "{auto_pad}", kernel_shape = [3,3], strides = [2,3],
                       ceil_mode = {ceil_mode}> (x)
    }}"""
    program = graph.parse(text)
    node = next(iter(program.graph.graph))
    node.outputs[0].shape = None
    graph.infer_shapes(program)
    seen = window(node, (size, 10), (3, 3))
    assert node.outputs[0].shape is not None
    assert list(node.outputs[0].shape)[2:] == list(seen.sizes)
    padded = seen.padded(np.ones((size, 10)), 0)
    assert all(padded[tap].shape == seen.sizes for tap in seen.taps())


def test_what_is_odd_goes_behind_or_in_front():
    for auto, before, after in (("SAME_UPPER", 0, 1), ("SAME_LOWER", 1, 0)):
        node = ir.node("MaxPool", [None], {"strides": [2], "auto_pad": auto})
        seen = window(node, (8,), (3,))
        assert (seen.before, seen.after, seen.reach()) == ((before,), (after,), (9,))
