"""Scales and zero points as an artifact holds them: one reader for each format of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcompile.graph import array, load, name_of

Stored = dict[str, tuple[np.ndarray, np.ndarray]]
_MOVES = {"MaxPool", "Reshape", "Transpose", "Squeeze", "Unsqueeze"}


def scales(path: Path) -> Stored:
    """The scale and zero point of each tensor, by its name; vectors where there are channels."""
    return READERS[path.suffix](path)


def _onnx(path: Path) -> Stored:
    found = {}
    for node in load(path, "read").graph.graph:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            integers = node.outputs[0] if node.op_type == "QuantizeLinear" else node.inputs[0]
            scale = array(node.inputs[1]).ravel()
            zero = array(node.inputs[2]).ravel() if len(node.inputs) > 2 else 0 * scale
            found[name_of(integers).removesuffix(".integer")] = scale, zero
    return found


def _openvino(path: Path) -> Stored:
    """What is quantized at run time by the ends of a FakeQuantize, weights by their constants.

    The lowest integer is not in the file: the zero point is counted from it. What a FakeQuantize
    made keeps its scale behind an op that only moves values.
    """
    found: Stored = {}
    for node in pytest.importorskip("openvino").Core().read_model(path).get_ordered_ops():
        if node.get_type_name() == "FakeQuantize":
            given, made = (
                [node.input_value(k).get_node().data.astype(np.float64).ravel() for k in ends]
                for ends in ((1, 2), (3, 4))
            )
            np.testing.assert_array_equal(given, made)
            scale = (made[1] - made[0]) / (node.get_attributes()["levels"] - 1)
            found[node.get_friendly_name().removesuffix(".integer")] = scale, -made[0] / scale
        elif node.get_type_name() == "Multiply":
            stored = node.input_value(0).get_node()
            weight = stored.input_value(0).get_node() if stored.inputs() else stored
            if stored.get_type_name() == "Convert" and weight.get_type_name() == "Constant":
                scale = node.input_value(1).get_node().data.ravel()
                found[weight.get_friendly_name().removesuffix(".integer")] = scale, 0 * scale
        elif node.get_type_name() in _MOVES:
            before = node.input_value(0).get_node().get_friendly_name().removesuffix(".integer")
            for name in node.output(0).get_names() if before in found else ():
                found.setdefault(name.removesuffix(".real"), found[before])
    return found


def _litert(path: Path) -> Stored:
    """What the file says of its tensors."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    found: Stored = {}
    for tensor in interpreter.Interpreter(model_path=str(path)).get_tensor_details():
        told = tensor["quantization_parameters"]
        if told["scales"].size:
            found[tensor["name"].removesuffix(".integer")] = told["scales"], told["zero_points"]
    return found


def _engine(path: Path) -> Stored:
    """An engine cannot be read without its GPU: the graph beside it that it was made of."""
    return _onnx(path.with_name("model.onnx"))


READERS = {".engine": _engine, ".tflite": _litert, ".onnx": _onnx, ".xml": _openvino}
