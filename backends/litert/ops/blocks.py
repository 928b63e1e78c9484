"""DepthToSpace and SpaceToDepth.

The runtime's order of channels is (row, column, channel), the standard's DCR. In CRD, (channel,
row, column), the convolution before makes its channels in the runtime's order where nobody else
reads them; else one TRANSPOSE does the whole.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Quant, Tensor
from mcompile.backends.litert.layout import channels_last
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.moves import hand_on
from mcompile.backends.litert.pairs import code_of
from mcompile.backends.litert.walk import Walk
from mcompile.types import Array

_TYPES = {"float32", "int8", "uint8", "int32", "int64"}


def _to_space(walk: Walk, node: ir.Node) -> None:
    block = node.attributes.get_int("blocksize", 1)
    batch, deep, high, wide = walk.shape(node.inputs[0])
    inner, source = deep // block**2, None
    if not _is_crd(node) or _is_computed(walk, node):
        source = walk.read(node.inputs[0], channels_last(4))
    if source is None or (_is_crd(node) and not _reordered(walk, source, block)):
        _viewed(walk, node, ((batch, inner, block, block, high, wide), (0, 1, 4, 2, 5, 3)))
    elif source.dtype not in _TYPES:
        _viewed(walk, node, ((batch, block, block, inner, high, wide), (0, 3, 4, 1, 5, 2)))
    else:
        made = walk.scratch(source, (batch, high * block, wide * block, inner))
        walk.draft.emit("DEPTH_TO_SPACE", [source], [made], "DepthToSpaceOptions", blockSize=block)
        hand_on(walk, made, channels_last(4))


def _to_depth(walk: Walk, node: ir.Node) -> None:
    block = node.attributes.get_int("blocksize", 1)
    batch, deep, high, wide = walk.shape(node.inputs[0])
    rows, columns = high // block, wide // block
    cut = (batch, deep, rows, block, columns, block)
    if _is_crd(node):
        _viewed(walk, node, (cut, (0, 1, 3, 5, 2, 4)))
        return
    source = walk.read(node.inputs[0], channels_last(4))
    if source.dtype not in _TYPES:
        _viewed(walk, node, (cut, (0, 3, 5, 1, 2, 4)))
        return
    made = walk.scratch(source, (batch, rows, columns, deep * block**2))
    walk.draft.emit("SPACE_TO_DEPTH", [source], [made], "SpaceToDepthOptions", blockSize=block)
    hand_on(walk, made, channels_last(4))


def _is_crd(node: ir.Node) -> bool:
    return node.attributes.get_string("mode", "DCR") == "CRD"


def _viewed(walk: Walk, node: ir.Node, how: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """Reshape, Transpose, Reshape: written when somebody reads it."""
    assert node.inputs[0] is not None
    cut, perm = how
    view = walk.view(node.inputs[0]).reshaped(cut)
    made = view and view.transposed(perm).reshaped(walk.shape(node.outputs[0]))
    if made is None:
        raise walk.place.refused("blocks of a value of no numbers", "sizes above 0")
    walk.see(made)


def _is_computed(walk: Walk, node: ir.Node) -> bool:
    """Whether the value lies in memory as a convolution leaves it."""
    value = node.inputs[0]
    if value is None or walk.constant(value) is not None:
        return False
    return walk.view(value).order() == channels_last(4)


def _reordered(walk: Walk, source: Tensor, block: int) -> bool:
    """Whether the convolution that made the tensor makes its channels row, column, channel now."""
    value = walk.place.node.inputs[0]
    index = next((k for k, o in enumerate(walk.draft.ops) if source in o.outputs), None)
    if index is None or value is None or not _is_alone(value):
        return False
    op = walk.draft.ops[index]
    data, kernel, bias = (*op.inputs, None, None)[:3]
    stored = [t for t in (kernel, bias) if t is not None and t.data is not None]
    if op.kind != "CONV_2D" or data is None or len(stored) < 2:
        return False
    if any(source in o.inputs for o in walk.draft.ops):
        return False
    if stored[0].shape[3] != data.shape[3]:  # a group's outputs stay together
        return False
    deep = source.shape[3]
    places = np.arange(deep).reshape(deep // block**2, block, block).transpose(1, 2, 0).reshape(-1)
    inputs = [data, *(_picked(walk, t, places) for t in stored)]
    walk.draft.ops[index] = replace(op, inputs=tuple(inputs))
    return True


def _is_alone(value: ir.Value) -> bool:
    """Whether the node is the only reader of the value and of the codes behind it."""
    code = code_of(value)
    chain = [value]
    if code is not None:
        chain.append(code)
        maker = code.producer()
        if maker is not None and maker.op_type == "QuantizeLinear" and maker.inputs[0] is not None:
            chain.append(maker.inputs[0])
    return all(len(v.uses()) == 1 and not v.is_graph_output() for v in chain)


def _picked(walk: Walk, tensor: Tensor, places: Array) -> Tensor:
    """A constant with its first axis in another order, its scales along."""
    quant, data = tensor.quant, tensor.data
    if quant is not None and len(quant.scale) > 1:
        scales, zeros = (tuple(v[p] for p in places) for v in (quant.scale, quant.zero_point))
        quant = Quant(scales, zeros, 0)
    return walk.draft.constant(tensor.name, np.ascontiguousarray(np.asarray(data)[places]), quant)


LOWERINGS = {
    "DepthToSpace": Lowering(_to_space, integers=BOTH, moves=True),
    "SpaceToDepth": Lowering(_to_depth, integers=BOTH, moves=True),
}
