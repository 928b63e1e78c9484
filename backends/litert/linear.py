"""FULLY_CONNECTED: a matrix of constants, one row for each output, beside what a layer reads."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile import graph
from mcompile.backends.litert.biases import coded, zeros
from mcompile.backends.litert.draft import Quant, Tensor
from mcompile.backends.litert.layout import Order, straight
from mcompile.backends.litert.values import Constant
from mcompile.backends.litert.walk import Walk


def turned(weights: Constant) -> Constant:
    """A matrix K, N by its outputs: N, K."""
    quant = weights.quant
    if quant is not None and len(quant.scale) > 1:
        quant = Quant(quant.scale, quant.zero_point, 1 - quant.axis)
    return Constant(weights.name, np.ascontiguousarray(weights.data.T), quant)


def linear(
    walk: Walk,
    value: ir.Value | None,
    weights: Constant,
    bias: Constant | None,
    *,
    order: Order | None = None,
) -> None:
    """Write the node at hand as the layer; `weights` lie N, K, `bias` is a vector of N.

    The value is read in `order`, where one is said: its last axis there is K. Else all axes but the
    last may lie as they do, and so they lie in what is made.
    """
    kept = None
    if order is None:
        source, weights, kept = _source(walk, value, weights)
    else:
        source = walk.read(value, order)
    made = walk.make(kept)
    if len(source.shape) == 1:
        flat = walk.scratch(source, (1, *source.shape))
        walk.draft.reshape(source, flat)
        source = flat
    shape = made.shape if len(made.shape) == 2 else (*source.shape[:-1], len(weights.data))
    target = made if shape == made.shape else walk.scratch(made, shape)
    connect(walk, source, weights, bias, target)
    if target is not made:
        walk.draft.reshape(target, made)


def connect(
    walk: Walk, source: Tensor, weights: Constant, bias: Constant | None, made: Tensor
) -> None:
    """Append the operator, with the activation that became part of the node."""
    if bias is None:
        added = zeros(walk, weights, source, len(weights.data))
    else:
        bias = coded(walk, bias, weights, source)
        quant = bias.quant and Quant(bias.quant.scale, bias.quant.zero_point, 0)
        added = walk.stored(Constant(bias.name, bias.data.reshape(-1), quant))
    walk.draft.emit(
        "FULLY_CONNECTED", [source, walk.stored(weights), added], [made],
        "FullyConnectedOptions", fusedActivationFunction=walk.place.ending.code,
        keepNumDims=len(made.shape) > 2,
    )  # fmt: skip


def spread(bias: Constant, count: int) -> Constant:
    """The bias as a vector with an entry for each output."""
    if bias.data.size == count or bias.quant is not None:
        return bias
    return Constant(bias.name, np.broadcast_to(bias.data.reshape(-1), (count,)).copy())


def _source(
    walk: Walk, value: ir.Value | None, weights: Constant
) -> tuple[Tensor, Constant, Order | None]:
    """What the layer reads: a flattened picture as it lies, its columns rearranged to fit.

    The order is that of rows of more axes than one, where it is kept.
    """
    waiting = walk.deferred(value)
    columns = waiting.columns() if waiting is not None else None
    if value is None or waiting is None or columns is None:
        order = _rows(walk, value)
        return walk.read(value, order), weights, order
    sizes, order = columns
    axes = [0, *(a + 1 for a in order)]
    data = weights.data.reshape(len(weights.data), *sizes).transpose(axes)
    flat = waiting.tensor
    if len(waiting.shape) > 2:  # to rows the operator makes any shape itself
        flat = walk.values.shaped(flat, waiting.shape, graph.name_of(value))
    data = np.ascontiguousarray(data.reshape(weights.data.shape))
    return flat, Constant(weights.name, data, weights.quant), None


def _rows(walk: Walk, value: ir.Value | None) -> Order | None:
    """The order in which the value lies, where its last axis lies last in memory too."""
    rank = len(walk.shape(value))
    if value is None or rank < 3 or walk.constant(value) is not None:
        return None
    order = walk.view(value).order()
    return order if order is not None and order[-1] == rank - 1 else None


def swapped(rank: int) -> tuple[int, ...]:
    """The order in which the last two axes have changed places."""
    return (*straight(rank)[:-2], rank - 1, rank - 2)
