"""Values that turn out to be constants once all shapes are known."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile.types import Array


def settle(node: ir.Node, data: Array, index: int = 0) -> None:
    """Let an output be a constant, which readers then find as they find any other."""
    value = node.outputs[index]
    tensor = ir.tensor(np.asarray(data, value.dtype.numpy() if value.dtype else None))
    tensor.name = value.name
    value.const_value = tensor
