"""Constants are put back as they were, whatever happens in between."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.lifting import lifted

TEXT = """<ir_version: 8, opset_import: ["": 17]>
g (float[2] x, float[2] both) => (float[2] y) {
    a = Add(x, large) b = Add(a, both) y = Add(b, s)
}"""


def program():
    weights = {"large": np.ones(2, np.float32), "both": np.ones(2, np.float32), "s": np.float32(1)}
    return graph.parse(TEXT, weights)


def state(made):
    body = made.graph.graph
    return [v.name for v in body.inputs], [
        (n, id(v.const_value)) for n, v in body.initializers.items()
    ]


def test_chosen_constants_are_inputs_without_data_for_a_while():
    made = program()
    before = state(made)
    with lifted(made.graph.graph, lambda t: t.nbytes > 4) as data:
        assert sorted(data) == ["both", "large"]
        assert [v.name for v in made.graph.graph.inputs] == ["x", "both", "large"]
        proto = ir.to_proto(made.graph)
        assert [t.name for t in proto.graph.initializer] == ["s"]
        assert proto.graph.input[2].type.tensor_type.shape.dim[0].dim_value == 2
    assert state(made) == before


def test_an_error_puts_them_back_too():
    made = program()
    before = state(made)
    with pytest.raises(KeyError), lifted(made.graph.graph, lambda _: True):
        raise KeyError
    assert state(made) == before


def test_nothing_chosen_changes_nothing():
    made = program()
    before = state(made)
    with lifted(made.graph.graph, lambda _: False) as data:
        assert data == {}
        assert state(made) == before
