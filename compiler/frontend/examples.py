"""Tensors to export a model with: one per input, of its type and shape."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcompile.errors import SourceError
from mcompile.frontend.options import CaptureOptions
from mcompile.types import Dim, Feeds, Port

if TYPE_CHECKING:
    import torch


def ports(options: CaptureOptions, label: str) -> tuple[Port, ...]:
    """The inputs as the user gave them, or as the first sample has them; else `SourceError`."""
    if options.inputs:
        return options.inputs
    if options.examples:
        return tuple(
            Port(name, str(np.asarray(a).dtype), np.asarray(a).shape)
            for name, a in options.examples.items()
        )
    raise SourceError(
        "the shape of the input is not known",
        where=label,
        fix='--input "F32[1,3,224,224]", or `inputs = [...]` in the model card beside the model',
    )


def tensors(inputs: Sequence[Port], examples: Feeds | None) -> list[torch.Tensor]:
    """One tensor an input: the sample's where it fits, else seeded noise (zeros for integers).

    A free leading dimension is 2 and other free ones 64, 96, …: an exporter takes 0 and 1 for
    fixed, and equal sizes for one dimension.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    sizes = _sizes(inputs)
    made = []
    for port in inputs:
        given = (examples or {}).get(port.name)
        dtype = getattr(torch, port.dtype)
        shape = [sizes[d] if isinstance(d, str) else d for d in port.shape]
        if given is not None and _fits(np.asarray(given), port):
            made.append(torch.from_numpy(np.array(given)).to(dtype))
        elif dtype.is_floating_point:
            made.append(torch.randn(shape, generator=generator).to(dtype))
        else:
            made.append(torch.zeros(shape, dtype=dtype))
    return made


def _sizes(inputs: Sequence[Port]) -> Mapping[Dim, int]:
    leading = dict.fromkeys(p.shape[0] for p in inputs if p.shape and isinstance(p.shape[0], str))
    inner = dict.fromkeys(d for p in inputs for d in p.shape[1:] if isinstance(d, str))
    sizes: dict[Dim, int] = {d: 64 + 32 * i for i, d in enumerate(inner)}
    return sizes | {d: 2 + i for i, d in enumerate(leading)}


def _fits(array: np.ndarray[Any, Any], port: Port) -> bool:
    """Whether a sample may stand in: the fixed sizes agree, and a free one is above 1."""
    if array.dtype.kind not in "fiub" or array.ndim != len(port.shape):
        return False
    pairs = zip(array.shape, port.shape, strict=True)
    return all(n == d if isinstance(d, int) else n > 1 for n, d in pairs)


def arrange(
    module: torch.nn.Module, inputs: Sequence[Port], values: Sequence[torch.Tensor]
) -> tuple[tuple[torch.Tensor, ...], dict[str, torch.Tensor], Any]:
    """Positional and keyword arguments for `forward`, and which of their dimensions are free.

    Inputs go by name when every name is a parameter of `forward`, else by their order.
    """
    parameters = list(inspect.signature(module.forward).parameters)
    free = [{i: d for i, d in enumerate(p.shape) if isinstance(d, str)} or None for p in inputs]
    moving = any(free)
    names = [p.name for p in inputs]
    if set(names) <= set(parameters):
        by_name = dict(zip(names, values, strict=True))
        return (), by_name, dict(zip(names, free, strict=True)) if moving else None
    return tuple(values), {}, tuple(free) if moving else None
