"""DepthToSpace and SpaceToDepth.

The runtime's order of channels is (row, column, channel), the standard's DCR. In CRD, (channel,
row, column), the convolution before makes its channels in the runtime's order where nobody else
reads them; else one TRANSPOSE does the whole.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.channels import is_alone, reordered
from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.layout import channels_last
from mcompile.backends.litert.lowering import BOTH, Lowering
from mcompile.backends.litert.moves import hand_on
from mcompile.backends.litert.walk import Walk

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
    if value is None or not is_alone(value):
        return False
    deep = source.shape[3]
    cut = (deep // block**2, block, block)
    return reordered(walk, source, np.arange(deep).reshape(cut).transpose(1, 2, 0).reshape(-1))


LOWERINGS = {
    "DepthToSpace": Lowering(_to_space, integers=BOTH, moves=True),
    "SpaceToDepth": Lowering(_to_depth, integers=BOTH, moves=True),
}
