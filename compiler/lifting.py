"""Large constants out of the way for a while, so that a model of any size can be serialized."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import onnx_ir as ir


@contextmanager
def lifted(
    graph: ir.Graph, chosen: Callable[[ir.TensorProtocol], bool]
) -> Iterator[Mapping[str, ir.TensorProtocol]]:
    """The data of the chosen constants by name; until the end they are inputs that have none."""
    inputs = list(graph.inputs)
    constants = dict(graph.initializers)
    data: dict[str, ir.TensorProtocol] = {}
    try:
        for name, value in constants.items():
            tensor = value.const_value
            if tensor is not None and chosen(tensor):
                data[name] = tensor
                del graph.initializers[name]
                value.const_value = None
                value.dtype = tensor.dtype
                value.shape = ir.Shape([int(d) for d in tensor.shape.numpy()])
                if not value.is_graph_input():
                    graph.inputs.append(value)
        yield data
    finally:
        if len(graph.inputs) != len(inputs):
            graph.inputs.clear()
            graph.inputs.extend(inputs)
        for name, tensor in data.items():
            constants[name].const_value = tensor
        graph.initializers.clear()
        for value in constants.values():
            graph.initializers.add(value)
