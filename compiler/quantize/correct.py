"""Bias correction, one layer at a time: a layer's bias takes the mean error of its output off.

    e = mean over positions of (y_float - y_quantized), one number for each sample and channel
    d = mean of e * max(0, 1 - |variance of that mean| / |that mean|^2)            b' = b + d

(Nagel et al., Data-Free Quantization, arXiv:1906.04721; Finkelstein et al., arXiv:1906.03193.)
y_quantized is what the layer gives in the program as quantized so far, with every layer before it
already corrected: all layers at once, each held against uncorrected ones, diverge.

The mean of a few samples is uncertain. A shift helps other samples by |mean|^2 and harms them by
the variance of the mean, so it is shrunk by their ratio (James and Stein, 1961), and a layer where
nothing is left of it keeps its bias. Without it, a deep net was worse than uncorrected.

The layers are walked through once. A shift of the bias moves the output by as much, so what was
run need not be run again: the value in memory is moved instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from mcompile.graph import name_of
from mcompile.oracle import Oracle
from mcompile.quantize import biases
from mcompile.quantize.insert import insert
from mcompile.quantize.walk import Walk
from mcompile.types import Array, Feeds, Program, QuantPlan, Scheme

HELD = 1 << 28
"""Bytes of activations that may be held at once; samples beyond that are left out."""

LEAST = 3
"""Samples without which nothing is known of how much they differ."""


def corrections(
    source: Program,
    plan: QuantPlan,
    scheme: Scheme,
    feeds: Sequence[Feeds],
    *,
    threads: int | None = None,
    held: int = HELD,
) -> dict[str, Array]:
    """What to add to the bias that goes into each value, by the value's name, per channel.

    `feeds` are a handful of calibration samples. Layers without an entry keep their bias.
    """
    found = layers_of(source, plan, scheme)
    layers = {n: node for n, node in found.items() if biases.outlet(node) is not None}
    if not layers or len(feeds) < LEAST:
        return {}
    wanted = _means(source, layers, feeds, threads)
    walk = Walk(insert(source, plan, scheme), list(layers), feeds, held, threads)
    shifts: dict[str, Array] = {}
    for name, node in layers.items():
        given = walk.to(name)
        means = np.stack([biases.mean_of(node, data) for data in given])
        shift = shift_of(wanted[name][: len(given)] - means)
        if shift is None:
            continue
        shifts[name] = shift
        for values, data in zip(walk.held, given, strict=True):
            values[name] = data + biases.shape_of(node, shift, data.ndim)
    return shifts


def layers_of(source: Program, plan: QuantPlan, scheme: Scheme) -> dict[str, ir.Node]:
    """The layers on integers, by the value that holds their result, their bias included.

    A layer whose bias is computed is left out; a MatMul without one is in.
    """
    found = {}
    for node in source.graph.graph:
        if node.op_type not in scheme.weighted or node.domain:
            continue
        names = [name_of(v) for v in node.inputs[:2]]
        bare = node.outputs[0] if node.op_type == "MatMul" else None
        out = biases.outlet(node) or bare
        quantized = name_of(node.outputs[0]) not in plan.left_float
        if out is not None and quantized and all(n in plan.tensors for n in names):
            found[name_of(out)] = node
    return found


def _means(
    source: Program, layers: Mapping[str, ir.Node], feeds: Sequence[Feeds], threads: int | None
) -> dict[str, Array]:
    """The mean of each channel of each layer's output, [samples, channels]."""
    oracle = Oracle(source, list(layers), threads)
    rows: dict[str, list[Array]] = {name: [] for name in layers}
    for each in feeds:
        found = oracle.run(each)
        for name, node in layers.items():
            rows[name].append(biases.mean_of(node, found[name]))
    return {name: np.stack(row) for name, row in rows.items()}


def shift_of(errors: Array) -> Array | None:
    """The shift of each channel for errors [samples, channels]; None where it would not help."""
    mean = errors.mean(axis=0)
    size = float((mean**2).sum())
    if len(errors) < LEAST or not np.isfinite(errors).all() or size == 0.0:
        return None
    doubt = float(errors.var(axis=0, ddof=1).sum()) / len(errors)
    share = 1.0 - doubt / size
    return np.asarray((mean * share).astype(np.float32)) if share > 0.0 else None
