"""Random weights under which a network's output depends on its input, all of its layers included.

What is initialized to a constant (norms, biases, layer scales, heads of zeros) hides errors: it is
drawn anew. BatchNorm gets the statistics of random inputs, moved a little.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SMALL = 0.05
"""Constants below it, other than zero, are layer scales."""

_OFF = 0.1
"""Norms whose scales are smaller than it on average let nothing through."""


def randomize(model: nn.Module, inputs: tuple[Tensor, ...], seed: int) -> None:
    """Draw the constant parameters, then fill the statistics of every BatchNorm."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        scales = {id(m.weight) for m in model.modules() if _is_norm(m)}
        for parameter in model.parameters():
            if id(parameter) in scales and float(parameter.abs().mean()) < _OFF:
                parameter.fill_(1.0)  # a residual branch that starts switched off
            _draw(parameter, generator)
        norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        _statistics(model, norms, inputs)
        for norm in norms:
            spread = norm.running_var.sqrt()
            norm.running_mean += 0.1 * spread * torch.randn(spread.shape, generator=generator)
            norm.running_var *= 0.8 + 0.4 * torch.rand(spread.shape, generator=generator)


def _is_norm(module: nn.Module) -> bool:
    return "Norm" in type(module).__name__ and isinstance(
        getattr(module, "weight", None), nn.Parameter
    )


def _draw(parameter: Tensor, generator: torch.Generator) -> None:
    first = parameter.flatten()[:1]
    if not parameter.is_floating_point() or bool((parameter != first).any()):
        return
    value, flat = float(first), torch.randn(parameter.shape, generator=generator)
    if value == 0.0:
        large = parameter.ndim > 1 and parameter.numel() > max(parameter.shape)
        parameter.copy_(flat * (parameter[0].numel() ** -0.5 if large else 0.1))
    elif abs(value) < _SMALL:
        parameter.copy_(0.2 + 0.3 * torch.rand(parameter.shape, generator=generator))
    else:
        parameter.copy_(value * (1.0 + 0.2 * flat).clamp(0.5, 1.5))


def _statistics(model: nn.Module, norms: list[nn.Module], inputs: tuple[Tensor, ...]) -> None:
    if not norms:
        return
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    model(*inputs)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
        norm.eval()
