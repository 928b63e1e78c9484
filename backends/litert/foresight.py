"""The order in which the readers of a value will want it, found by looking ahead.

What costs nothing in one order may cost a TRANSPOSE for each reader in another:

    qkv -> Transpose -> Split -> three MatMuls      one TRANSPOSE before the SPLIT, not three behind
"""

from __future__ import annotations

import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.layout import Order, channels_last, straight
from mcompile.backends.litert.pairs import is_pair

_FAR = 12
WINDOWS = frozenset(
    {"AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "DepthToSpace", "LpPool",
     "GlobalAveragePool", "GlobalMaxPool", "GroupNormalization", "InstanceNormalization",
     "MaxPool", "Resize", "SpaceToDepth", "Upsample"}
)  # fmt: skip
LAST = frozenset({"Gemm", "LayerNormalization", "RMSNormalization"})
ANY_ORDER = frozenset(
    {"Abs", "Add", "Cast", "Clip", "Concat", "Div", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid",
     "HardSwish", "Identity", "LeakyRelu", "Log", "Max", "Min", "Mul", "Neg", "PRelu", "Pad", "Pow",
     "Relu", "Sigmoid", "Slice", "Softmax", "Split", "Sqrt", "Sub", "Swish", "Tanh", "Where"}
)  # fmt: skip


def wanted(value: ir.Value, far: int = _FAR) -> Order | None:
    """The order that most of those who care want the value in; None where none cares."""
    rank = len(graph.dims(value) or ())
    votes: dict[Order, int] = {}
    if value.is_graph_output():
        votes[straight(rank)] = 1
    for use in value.uses():
        found = _by(use.node, use.idx, value, far - 1) if far else None
        if found is not None:
            votes[found] = votes.get(found, 0) + 1
    return max(votes, key=lambda o: (votes[o], o)) if votes else None


def _by(node: ir.Node, index: int, value: ir.Value, far: int) -> Order | None:
    """The order in which one reader wants it."""
    rank = len(graph.dims(value) or ())
    if is_pair(node):
        return wanted(node.outputs[0], far)
    if node.domain or rank < 2:
        return None
    if node.op_type in WINDOWS:
        return channels_last(rank) if index == 0 else None
    if node.op_type == "MatMul":
        return _factor(index, value)
    if node.op_type in LAST:
        return straight(rank)
    return _through(node, rank, far)


def _through(node: ir.Node, rank: int, far: int) -> Order | None:
    """The order that serves those behind a node that has no wish of its own."""
    if node.op_type == "Transpose":
        return _before(node, rank, far)
    if node.op_type in ("Squeeze", "Unsqueeze"):
        return _with_ones(node, rank, far)
    return _alike(node, rank, far) if node.op_type in ANY_ORDER else None


def _factor(index: int, value: ir.Value) -> Order | None:
    """A computed right factor may lie with its last axes exchanged, where it came so."""
    order = straight(len(graph.dims(value) or ()))
    maker = value.producer()
    while maker is not None and is_pair(maker) and maker.inputs[0] is not None:
        maker = maker.inputs[0].producer()
    if index == 1 and maker is not None and maker.op_type == "Transpose":
        perm = tuple(maker.attributes.get_ints("perm", ()))
        if perm[-2:] != tuple(sorted(perm[-2:])):
            return (*order[:-2], order[-1], order[-2])
    return order


def _before(node: ir.Node, rank: int, far: int) -> Order | None:
    """The order that serves who reads the transposed value."""
    behind = wanted(node.outputs[0], far)
    perm = node.attributes.get_ints("perm", tuple(reversed(range(rank))))
    return None if behind is None else tuple(perm[a] for a in behind)


def _with_ones(node: ir.Node, rank: int, far: int) -> Order | None:
    """The order that serves who reads the value with axes of 1 taken away or put in.

    Those that go are in front: a part that was cut off along them lies in one place.
    """
    behind, made = wanted(node.outputs[0], far), graph.dims(node.outputs[0])
    given = graph.array(node.inputs[1]) if len(node.inputs) > 1 else None
    if behind is None or given is None or made is None:
        return None
    most = max(rank, len(made))
    axes = sorted(int(a) % most for a in given.reshape(-1))
    others = [a for a in range(most) if a not in axes]
    if len(made) < rank:
        return (*axes, *(others[a] for a in behind))
    return tuple(others.index(a) for a in behind if a in others)


def _alike(node: ir.Node, rank: int, far: int) -> Order | None:
    """The order of what is computed entry by entry: that of its outputs."""
    for made in node.outputs:
        found = wanted(made, far)
        if found is not None and len(found) == rank:
            return found
    return None
