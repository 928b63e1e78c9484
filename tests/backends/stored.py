"""Scales and zero points as an artifact holds them: one reader for each format of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcompile.graph import array, load, name_of

Stored = dict[str, tuple[np.ndarray, np.ndarray]]


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
    """What is quantized at run time by the ends of a FakeQuantize, weights by their constants."""
    nodes = pytest.importorskip("openvino").Core().read_model(path).get_ordered_ops()
    held = {n.get_friendly_name(): n.data.ravel() for n in nodes if n.get_type_name() == "Constant"}
    found = {
        name.removesuffix(".scale"): (data, held.get(f"{name[:-6]}.zero_point", 0 * data))
        for name, data in held.items()
        if name.endswith(".scale")
    }
    for node in nodes:
        if node.get_type_name() == "FakeQuantize":
            (reader,) = node.output(0).get_target_inputs()
            low, high = (node.input_value(k).get_node().data.ravel() for k in (1, 2))
            scale = (high - low) / (node.get_attributes()["levels"] - 1)
            name = reader.get_node().get_friendly_name().removesuffix(".integer")
            found[name] = scale, -low / scale
    return found


READERS = {".onnx": _onnx, ".xml": _openvino}
