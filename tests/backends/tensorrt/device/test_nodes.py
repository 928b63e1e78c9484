"""Nodes read without onnx are those that onnx reads."""

from __future__ import annotations

import onnx
import pytest

from mcompile.backends.tensorrt.device.nodes import nodes

from .desk import PAIRS, model


def test_operators_and_names(tmp_path):
    made = model(PAIRS)
    made.graph.node[3].name = ""
    made.graph.node[4].name = "Größe"
    onnx.save(made, tmp_path / "m.onnx")
    assert nodes(str(tmp_path / "m.onnx")) == [(n.op_type, n.name) for n in made.graph.node]


@pytest.mark.parametrize(
    ("data", "what"),
    [(b"\xff", "cut short"), (b"\x0b", "wire type 3"), (b"\x3a\x01\x0a", "cut short")],
)
def test_what_is_no_model_has_no_nodes(tmp_path, data, what):
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(ValueError, match=what):
        nodes(str(tmp_path / "m.onnx"))
