"""Networks that are written the long way round: where rewriting pays, and by which rule."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn


def gelu_tanh(x: Tensor) -> Tensor:
    """GELU by its tanh formula, spelled out as old checkpoints do."""
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


def gelu_fast(x: Tensor) -> Tensor:
    """The same, factored as others do."""
    return 0.5 * x * (1.0 + torch.tanh(x * 0.7978845608 * (1.0 + 0.044715 * x * x)))


def gelu_erf(x: Tensor) -> Tensor:
    """GELU by its erf formula, spelled out."""
    return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))


class LongNorm(nn.Module):
    """LayerNorm, or RMSNorm where `centre` is false, out of means and powers."""

    def __init__(self, width: int, centre: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if centre else None

    def forward(self, x: Tensor) -> Tensor:
        """The input, normalized over its last axis."""
        if self.bias is None:
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight
        far = x - x.mean(-1, keepdim=True)
        return far / torch.sqrt(far.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight + self.bias


class LongMlp(nn.Module):
    """Residual blocks of a norm and two linear layers with an activation between."""

    def __init__(self, act: str, centre: bool = True, width: int = 192, depth: int = 4) -> None:
        super().__init__()
        self.norms = nn.ModuleList(LongNorm(width, centre) for _ in range(depth))
        self.wide = nn.ModuleList(nn.Linear(width, 4 * width) for _ in range(depth))
        self.back = nn.ModuleList(nn.Linear(4 * width, width) for _ in range(depth))
        self.act = {"tanh": gelu_tanh, "erf": gelu_erf, "fast": gelu_fast}[act]

    def forward(self, x: Tensor) -> Tensor:
        """A sequence of the same shape."""
        for norm, wide, back in zip(self.norms, self.wide, self.back, strict=True):
            x = x + back(self.act(wide(norm(x))))
        return x


class NormsOnly(nn.Module):
    """Norms after narrow layers: their cost is the model's."""

    def __init__(self, centre: bool, width: int = 256, depth: int = 6) -> None:
        super().__init__()
        self.norms = nn.ModuleList(LongNorm(width, centre) for _ in range(depth))
        self.mix = nn.ModuleList(nn.Conv1d(128, 128, 1, groups=32) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        """A sequence of the same shape."""
        for norm, mix in zip(self.norms, self.mix, strict=True):
            x = norm(x + mix(x))
        return x


class Llama(nn.Module):
    """Blocks of RMSNorm, causal attention with rotated halves, and a gated SiLU layer."""

    def __init__(self, width: int = 128, heads: int = 4, depth: int = 2, length: int = 48) -> None:
        super().__init__()
        self.words = nn.Embedding(200, width)
        self.blocks = nn.ModuleList(_LlamaBlock(width, heads, length) for _ in range(depth))
        self.norm, self.head = LongNorm(width, False), nn.Linear(width, 200, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Scores of the next word at every place."""
        flow = self.words(tokens)
        for block in self.blocks:
            flow = block(flow)
        return self.head(self.norm(flow))


class _LlamaBlock(nn.Module):
    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.one, self.two = LongNorm(width, False), LongNorm(width, False)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(width, 3 * width, bias=False) for _ in range(2))
        self.down, self.heads = nn.Linear(3 * width, width, bias=False), heads
        side = width // heads
        angle = torch.outer(torch.arange(length), 1e4 ** (-torch.arange(0, side, 2) / side))
        self.register_buffer("cos", torch.cat([angle, angle], -1).cos())
        self.register_buffer("sin", torch.cat([angle, angle], -1).sin())
        self.register_buffer("mask", torch.full((length, length), -1e9).triu(1))

    def _turned(self, x: Tensor) -> Tensor:
        low, high = x.chunk(2, -1)
        return x * self.cos + torch.cat([-high, low], -1) * self.sin

    def forward(self, x: Tensor) -> Tensor:
        flow = self.one(x)
        q, k, v = (
            f(flow).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for f in (self.q, self.k, self.v)
        )
        score = self._turned(q) @ self._turned(k).transpose(-1, -2) / math.sqrt(q.shape[-1])
        seen = ((score + self.mask).softmax(-1) @ v).transpose(1, 2).flatten(2)
        x = x + self.o(seen)
        flow = self.two(x)
        return x + self.down(nn.functional.silu(self.gate(flow)) * self.up(flow))


class LayerScale(nn.Module):
    """ConvNeXt blocks in channels-last form, each scaled before it is added."""

    def __init__(self, width: int = 64, depth: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 4, 4)
        self.deep = nn.ModuleList(
            nn.Conv2d(width, width, 7, 1, 3, groups=width) for _ in range(depth)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.wide = nn.ModuleList(nn.Linear(width, 4 * width) for _ in range(depth))
        self.back = nn.ModuleList(nn.Linear(4 * width, width) for _ in range(depth))
        self.scales = nn.ParameterList(torch.full((width,), 1e-6) for _ in range(depth))
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.stem(x)
        for deep, norm, wide, back, scale in zip(
            self.deep, self.norms, self.wide, self.back, self.scales, strict=True
        ):
            flow = norm(deep(x).permute(0, 2, 3, 1))
            flow = back(nn.functional.gelu(wide(flow))) * scale
            x = x + flow.permute(0, 3, 1, 2)
        return self.head(x.mean((2, 3)))


class Branches(nn.Module):
    """RepVGG blocks as they are trained: 3x3, 1x1 and identity, each with its norm."""

    def __init__(self, width: int = 48, depth: int = 5) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 2, 1)
        self.blocks = nn.ModuleList(_Branch(width) for _ in range(depth))
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


class _Branch(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.three = _normed(width, (3, 3))
        self.one = _normed(width, (1, 1))
        self.same = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.three(x) + self.one(x) + self.same(x))


class Asymmetric(nn.Module):
    """ACNet: 3x3, 1x3 and 3x1 convolutions side by side, each with its norm."""

    def __init__(self, width: int = 48, depth: int = 4) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, width, 3, 2, 1), nn.Linear(width, 10)
        self.blocks = nn.ModuleList(
            nn.ModuleList(_normed(width, side) for side in ((3, 3), (1, 3), (3, 1)))
            for _ in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.stem(x)
        for square, flat, tall in self.blocks:
            x = torch.relu(square(x) + flat(x) + tall(x))
        return self.head(x.mean((2, 3)))


def _carrying(model: nn.Module) -> None:
    """Weights that keep the size of the signal, which no norm here restores."""
    for layer in (m for m in model.modules() if isinstance(m, nn.Conv2d)):
        nn.init.kaiming_normal_(layer.weight)


def _normed(width: int, side: tuple[int, int]) -> nn.Sequential:
    padding = (side[0] // 2, side[1] // 2)
    conv = nn.Conv2d(width, width, side, padding=padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width))


class LinearPairs(nn.Module):
    """Bottlenecks that forgot the activation: two 1x1 convolutions in a row, wide between."""

    def __init__(self, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, width, 3, 2, 1), nn.Linear(width, 10)
        pair = lambda: nn.Sequential(nn.Conv2d(width, 8 * width, 1), nn.Conv2d(8 * width, width, 1))  # noqa: E731
        self.pairs = nn.ModuleList(pair() for _ in range(depth))
        _carrying(self)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        x = self.stem(x)
        for pair in self.pairs:
            x = torch.relu(pair(x))
        return self.head(x.mean((2, 3)))


class HiddenNorm(nn.Module):
    """A BatchNorm computed by hand from buffers: its constants are behind square roots."""

    def __init__(self, width: int = 64, depth: int = 5) -> None:
        super().__init__()
        sizes = [3] + [width] * depth
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, 2 if a == 3 else 1, 1, bias=False) for a, b in pairwise(sizes)
        )
        for k in range(depth):
            self.register_buffer(f"mean{k}", torch.randn(width) * 0.1)
            self.register_buffer(f"var{k}", torch.rand(width) + 0.5)
        self.gamma = nn.ParameterList(torch.ones(width) for _ in range(depth))
        self.beta = nn.ParameterList(torch.zeros(width) for _ in range(depth))
        self.head = nn.Linear(width, 10)
        _carrying(self)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores."""
        for k, conv in enumerate(self.convs):
            mean, var = (getattr(self, f"{n}{k}").view(1, -1, 1, 1) for n in ("mean", "var"))
            gamma, beta = (p[k].view(1, -1, 1, 1) for p in (self.gamma, self.beta))
            x = torch.relu((conv(x) - mean) / torch.sqrt(var + 1e-5) * gamma + beta)
        return self.head(x.mean((2, 3)))
