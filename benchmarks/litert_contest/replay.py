"""An ONNX graph as a torch module, for a converter that reads torch alone.

Every node becomes the torch function of its name, with a batch of one and with constants folded by
ONNX Runtime's basic optimizations, so that what is traced is what the graph says. Only the ops of
the trained networks are known.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

Given = dict[str, Any]


class Replay(nn.Module):
    """The graph; tensors in the order of its inputs, the tuple of its outputs."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        graph = _folded(path).graph
        self._fixed: Given = {}
        for k, held in enumerate(graph.initializer):
            data = onnx.numpy_helper.to_array(held).copy()
            if data.dtype == np.float32 and data.ndim:
                self.register_buffer(f"held{k}", torch.from_numpy(data))
                self._fixed[held.name] = f"held{k}"
            else:
                self._fixed[held.name] = data.tolist()
        self._nodes = [_step(n) for n in graph.node]
        self._inputs = [v.name for v in graph.input]
        self._outputs = [v.name for v in graph.output]

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The outputs of the graph."""
        known = {
            n: getattr(self, h) if isinstance(h, str) else h for n, h in self._fixed.items()
        } | dict(zip(self._inputs, inputs, strict=True))
        known[""] = None
        for run, read, made, given in self._nodes:
            found = run(given, *(known[n] for n in read))
            known |= dict(zip(made, found if isinstance(found, tuple) else (found,), strict=False))
        return tuple(known[n] for n in self._outputs)


def _folded(path: Path) -> onnx.ModelProto:
    model = onnx.load(path)
    for port in model.graph.input:
        for dim in port.type.tensor_type.shape.dim:
            if not dim.HasField("dim_value"):
                dim.dim_value = 1
    del model.graph.value_info[:]
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "model.onnx")
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return onnx.load(options.optimized_model_filepath)


def _step(node: onnx.NodeProto) -> tuple[Callable[..., Any], list[str], list[str], Given]:
    given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "Constant":
        value = onnx.numpy_helper.to_array(given["value"])
        whole = value.dtype == np.float32 and value.ndim
        held = torch.tensor(value) if whole else value.tolist()
        return lambda _: held, [], list(node.output), {}
    return OPS[node.op_type], list(node.input), list(node.output), given


def _list(value: Any) -> list[int]:
    return value if isinstance(value, list) else [value]


def _window(given: Given, rank: int) -> tuple[list[int], list[int], list[int], list[int]]:
    """Pads in ONNX's order, strides, dilations, and pads as `F.pad` wants them."""
    if given.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise ValueError(f"the replay pads by numbers, not by auto_pad = {given['auto_pad']}")
    pads = given.get("pads", [0] * 2 * rank)
    wide = [p for k in reversed(range(rank)) for p in (pads[k], pads[k + rank])]
    return pads, given.get("strides", [1] * rank), given.get("dilations", [1] * rank), wide


def _conv(given: Given, x: Any, w: Any, b: Any = None) -> Any:
    rank = x.ndim - 2
    pads, strides, dilations, wide = _window(given, rank)
    if pads[:rank] != pads[rank:]:
        x, pads = F.pad(x, wide), [0] * 2 * rank
    run = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    return run(x, w, b, strides, pads[:rank], dilations, given.get("group", 1))


def _max_pool(given: Given, x: Any) -> Any:
    pads, strides, dilations, wide = _window(given, 2)
    if pads[:2] != pads[2:]:
        x, pads = F.pad(x, wide, value=-torch.inf), [0] * 4
    up = bool(given.get("ceil_mode", 0))
    return F.max_pool2d(x, given["kernel_shape"], strides, pads[:2], dilations, up)


def _gemm(given: Given, a: Any, b: Any, c: Any = None) -> Any:
    a = a.T if given.get("transA") else a
    weight = b if given.get("transB") else b.T
    if given.get("alpha", 1.0) == given.get("beta", 1.0) == 1.0:
        return F.linear(a, weight, c)
    made = given.get("alpha", 1.0) * F.linear(a, weight)
    return made if c is None else made + given.get("beta", 1.0) * c


def _reshape(given: Given, x: Any, shape: Any) -> Any:
    sizes = [x.shape[k] if n == 0 and not given.get("allowzero") else n
             for k, n in enumerate(shape)]  # fmt: skip
    return x.reshape(sizes)


def _slice(_: Given, x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    axes = range(len(_list(starts))) if axes is None else _list(axes)
    steps = [1] * len(_list(starts)) if steps is None else _list(steps)
    cut = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, _list(starts), _list(ends), steps, strict=True):
        cut[axis] = slice(start, min(end, x.shape[axis]), step)
    return x[tuple(cut)]


def _pad(given: Given, x: Any, pads: Any, value: Any = None, axes: Any = None) -> Any:
    if axes is not None or given.get("mode", b"constant") not in (b"constant", b"reflect"):
        raise ValueError("the replay pads all axes, with a constant or by reflection")
    wide = [p for k in reversed(range(x.ndim)) for p in (pads[k], pads[k + x.ndim])]
    if given.get("mode") == b"reflect":
        return F.pad(x, wide[: 2 * (x.ndim - 1)], mode="reflect")
    return F.pad(x, wide, value=0.0 if value is None else float(value))


def _gather(given: Given, x: Any, indices: Any) -> Any:
    axis = given.get("axis", 0)
    if isinstance(indices, int):
        return x.select(axis, indices)
    flat = torch.tensor(indices)
    made = x.index_select(axis, flat.flatten())
    return made.reshape(*x.shape[:axis], *flat.shape, *x.shape[axis + 1 :])


def _axes(given: Given, x: Any, axes: Any) -> list[int]:
    found = given.get("axes", axes)
    return list(range(x.ndim)) if found is None else _list(found)


def _reduced(run: Callable[..., Any]) -> Callable[..., Any]:
    return lambda g, x, axes=None: run(x, _axes(g, x, axes), bool(g.get("keepdims", 1)))


def _squeeze(given: Given, x: Any, axes: Any = None) -> Any:
    return x.squeeze(tuple(_axes(given, x, axes)))


def _unsqueeze(given: Given, x: Any, axes: Any = None) -> Any:
    found = _axes(given, x, axes)
    for axis in sorted(a % (x.ndim + len(found)) for a in found):
        x = x.unsqueeze(axis)
    return x


def _split(given: Given, x: Any, sizes: Any = None) -> Any:
    axis = given.get("axis", 0)
    return tuple(x.split(sizes or x.shape[axis] // given["num_outputs"], axis))


def _prelu(_: Given, x: Any, slope: Any) -> Any:
    return F.prelu(x, slope.flatten())


def _norm(given: Given, x: Any, scale: Any, bias: Any = None) -> Any:
    axis = given.get("axis", -1) % x.ndim
    return F.layer_norm(x, x.shape[axis:], scale, bias, given.get("epsilon", 1e-5))


def _hard_sigmoid(given: Given, x: Any) -> Any:
    if abs(given.get("alpha", 0.2) - 1 / 6) < 1e-6 and given.get("beta", 0.5) == 0.5:
        return F.hardsigmoid(x)
    return (x * given.get("alpha", 0.2) + given.get("beta", 0.5)).clamp(0, 1)


def _clip(_: Given, x: Any, low: Any = None, high: Any = None) -> Any:
    low, high = (None if v is None else float(v) for v in (low, high))
    return F.relu6(x) if (low, high) == (0.0, 6.0) else torch.clamp(x, low, high)


OPS: dict[str, Callable[..., Any]] = {
    "Add": lambda _, a, b: a + b, "Sub": lambda _, a, b: a - b, "Mul": lambda _, a, b: a * b,
    "Div": lambda _, a, b: a / b, "Neg": lambda _, x: -x, "Sqrt": lambda _, x: x.sqrt(),
    "Log": lambda _, x: x.log(), "Relu": lambda _, x: F.relu(x),
    "Sigmoid": lambda _, x: x.sigmoid(), "HardSwish": lambda _, x: F.hardswish(x),
    "Gelu": lambda g, x: F.gelu(x, approximate=g.get("approximate", b"none").decode()),
    "Softmax": lambda g, x: F.softmax(x, g.get("axis", -1)), "MatMul": lambda _, a, b: a @ b,
    "Transpose": lambda g, x: x.permute(g["perm"]), "Identity": lambda _, x: x,
    "Concat": lambda g, *x: torch.cat(x, g["axis"]), "Equal": lambda _, a, b: a == b,
    "Where": lambda _, c, a, b: torch.where(c, a, b), "Pow": lambda _, a, b: a**b,
    "ReduceMean": _reduced(torch.mean), "ReduceSum": _reduced(torch.sum),
    "ReduceMax": _reduced(torch.amax), "ReduceMin": _reduced(torch.amin), "Conv": _conv,
    "MaxPool": _max_pool, "Gemm": _gemm, "Reshape": _reshape, "Slice": _slice, "Pad": _pad,
    "Gather": _gather, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze, "Split": _split,
    "PRelu": _prelu, "LayerNormalization": _norm, "HardSigmoid": _hard_sigmoid, "Clip": _clip,
}  # fmt: skip
