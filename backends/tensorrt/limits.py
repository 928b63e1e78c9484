"""What TensorRT's ONNX parser refuses of ops that it reads otherwise, and until which release.

Sources: onnx-tensorrt, the column "Restrictions" of `docs/operators.md` and what the importers of
the releases 8.0 to 10.1 assert (`builtin_op_importers.cpp`, later `onnxOpImporters.cpp` and
`onnxOpCheckers.cpp`); `docs/Changelog.md` for what 10.2 and later lifted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import onnx_ir as ir
from packaging.version import Version

from mcompile.graph import array, integer, is_constant

Limit = tuple[Version | None, str]
"""The first release without the limit, None where every release has it, and its words."""

_RECURRENT = ("LSTM", "GRU", "RNN")
_POOLS = ("AveragePool", "MaxPool", "LpPool")
_INTEGERS = (ir.DataType.INT32, ir.DataType.INT64)
_WAYS = ("half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn", "asymmetric", "align_corners")
_MOST = 3839  # the largest K that TopK takes
_RANKS = 8  # nvinfer1::Dims holds as many
# Inputs by op that must be constants, and the first release where they need not be.
_CONSTANTS = {
    "Clip": ((1, 2), "8.2"),
    "Conv": ((2,), "8.5"),
    "ConvTranspose": ((2,), "8.5"),
    "CumSum": ((1,), "10.8"),
    "InstanceNormalization": ((1, 2), "8.6"),
    "NonMaxSuppression": ((2, 3, 4), "8.5"),
    "OneHot": ((1,), ""),
    "Slice": ((3,), "10.3"),
    "Split": ((1,), "8.2"),
    "Squeeze": ((1,), "10.7"),
    "TopK": ((1,), "8.6"),
    "Unsqueeze": ((1,), "10.7"),
}


def limits(node: ir.Node) -> Iterator[Limit]:
    """What stands against the node, for an op that the parser reads; nothing where all is well."""
    places, release = _CONSTANTS.get(node.op_type, ((), ""))
    for place in (1,) if node.op_type.startswith("Reduce") else places:
        value = node.inputs[place] if place < len(node.inputs) else None
        if value is not None and not _is_known(value):
            yield _until(release), f"takes input {place} ({value.name}) as a constant only"
    if any(len(v.shape) > _RANKS for v in node.outputs if v.shape is not None):
        yield None, f"holds tensors of {_RANKS} dimensions at most"
    if node.op_type in _RECURRENT:
        yield from _recurrent(node)
    elif node.op_type in _POOLS:
        yield from _pool(node)
    elif node.op_type in _OTHERS:
        yield from _OTHERS[node.op_type](node)


def _until(release: str) -> Version | None:
    return Version(release) if release else None


def _is_known(value: ir.Value) -> bool:
    """A constant, also one that other constants are computed from when the file is parsed."""
    maker = value.producer()
    if is_constant(value) or (maker is not None and maker.op_type == "Constant"):
        return True
    within = maker is not None and maker.op_type in ("Cast", "Identity", "Reshape", "Unsqueeze")
    return (
        within and maker is not None and maker.inputs[0] is not None and _is_known(maker.inputs[0])
    )


def _word(node: ir.Node, name: str, default: str) -> str:
    return node.attributes.get_string(name, default)


def _recurrent(node: ir.Node) -> Iterator[Limit]:
    if integer(node, "layout", 0):
        yield None, "takes layout 0 only"
    if integer(node, "input_forget", 0):
        yield None, "has no coupled input and forget gates"
    names = [str(n) for n in node.attributes.get_strings("activations", ())]
    half = len(names) // 2
    if _word(node, "direction", "forward") == "bidirectional" and names[:half] != names[half:]:
        yield None, "takes the same activations in both directions only"


def _pool(node: ir.Node) -> Iterator[Limit]:
    if any(d != 1 for d in node.attributes.get_ints("dilations", ())):
        yield None, "has no dilated pools"
    if len(node.outputs) > 1 and node.outputs[1].uses():
        yield None, "does not tell the indices of a MaxPool"


def _resize(node: ir.Node) -> Iterator[Limit]:
    mode, way = (
        _word(node, "mode", "nearest"),
        _word(node, "coordinate_transformation_mode", "half_pixel"),
    )
    if mode == "cubic":
        yield Version("8.4"), "resizes nearest and linear, not cubic"
    if way not in _WAYS:
        yield None, f"has no coordinates {way}"
    rounding = _word(node, "nearest_mode", "round_prefer_floor")
    if way == "tf_half_pixel_for_nn" and rounding != "round_prefer_floor":
        yield None, f"has no {rounding} with {way}"
    if integer(node, "antialias", 0):
        yield None, "has no antialiasing"
    if _word(node, "keep_aspect_ratio_policy", "stretch") != "stretch":
        yield None, "does not keep the aspect ratio"


def _topk(node: ir.Node) -> Iterator[Limit]:
    most = array(node.inputs[1]) if len(node.inputs) > 1 else None
    if most is not None and int(np.max(most)) > _MOST:
        yield None, f"gives the {_MOST} largest values at most"
    yield from _integers_since(node, "8.6")


def _integers_since(node: ir.Node, release: str) -> Iterator[Limit]:
    value = node.inputs[0]
    if value is not None and value.dtype in _INTEGERS:
        yield Version(release), "computes it on floats, not on integers"


def _batchnorm(node: ir.Node) -> Iterator[Limit]:
    if integer(node, "training_mode", 0):
        yield None, "has no norms in training mode"


def _scatter_nd(node: ir.Node) -> Iterator[Limit]:
    if _word(node, "reduction", "none") != "none":
        yield None, "only overwrites, and does not add what it scatters"


def _scatter(node: ir.Node) -> Iterator[Limit]:
    if _word(node, "reduction", "none") != "none":
        yield Version("10.0"), "only overwrites, and does not add what it scatters"


def _pad(node: ir.Node) -> Iterator[Limit]:
    mode = _word(node, "mode", "constant")
    since = {"wrap": "10.0", "edge": "8.2", "reflect": "8.2"}.get(mode)
    if since:
        yield Version(since), f"has no padding by {mode}"
    axes = node.inputs[3] if len(node.inputs) > 3 else None
    if axes is not None and not _is_known(axes):
        yield Version("10.4"), "pads axes that are constants only"


def _einsum(node: ir.Node) -> Iterator[Limit]:
    terms = re.split(r",|->", _word(node, "equation", "").replace(" ", ""))
    if any("..." in t or len(set(t)) < len(t) for t in terms):
        yield Version("10.12"), "has neither ellipses nor diagonals"


def _gather(node: ir.Node) -> Iterator[Limit]:
    found = array(node.inputs[1])
    if found is not None and (found < 0).any():
        yield Version("8.2"), "takes indices from 0 on"


def _layer_norm(node: ir.Node) -> Iterator[Limit]:
    if any(v.uses() or v.is_graph_output() for v in node.outputs[1:]):
        yield None, "tells neither the mean nor the deviation"


def _grid_sample(node: ir.Node) -> Iterator[Limit]:
    value = node.inputs[0]
    if value is not None and value.shape is not None and len(value.shape) != 4:
        yield None, "samples images of 4 dimensions only"


def _power(node: ir.Node) -> Iterator[Limit]:
    yield from _integers_since(node, "10.12")


def _extremes(node: ir.Node) -> Iterator[Limit]:
    yield from _integers_since(node, "8.6")


_OTHERS: dict[str, Callable[[ir.Node], Iterator[Limit]]] = {
    "ArgMax": _extremes,
    "ArgMin": _extremes,
    "BatchNormalization": _batchnorm,
    "Einsum": _einsum,
    "Gather": _gather,
    "GatherElements": _gather,
    "GridSample": _grid_sample,
    "LayerNormalization": _layer_norm,
    "Pad": _pad,
    "Pow": _power,
    "Resize": _resize,
    "ScatterElements": _scatter,
    "ScatterND": _scatter_nd,
    "TopK": _topk,
}
