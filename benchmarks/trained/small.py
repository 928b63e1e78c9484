"""Small networks of the kinds that INT8 is known to treat differently; their inputs are grey.

Images of 28 by 28 pixels in, ten logits out.
"""

from __future__ import annotations

import torch
from torch import nn


class Block(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
            nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same shape."""
        return torch.relu(x + self.body(x))


class Residual(nn.Sequential):
    """Five residual blocks at 28, 14 and 7 pixels."""

    def __init__(self) -> None:
        def down(a: int, b: int) -> nn.Module:
            return nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())

        super().__init__(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), Block(16), down(16, 32), Block(32),
            Block(32), down(32, 64), Block(64), Block(64), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(64, 10),
        )  # fmt: skip


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels // 4, 1), nn.ReLU(),
            nn.Conv2d(channels // 4, channels, 1), nn.Hardsigmoid(),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same shape."""
        return x * self.body(x)


class Inverted(nn.Module):
    """MobileNetV3's block: widen, filter each channel, gate, narrow."""

    def __init__(self, inside: int, wide: int, outside: int, stride: int) -> None:
        super().__init__()
        self.same = stride == 1 and inside == outside
        self.body = nn.Sequential(
            nn.Conv2d(inside, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.Hardswish(),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide),
            nn.Hardswish(), Gate(wide), nn.Conv2d(wide, outside, 1, bias=False),
            nn.BatchNorm2d(outside),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The output of the block, beside the input where both are of one shape."""
        return x + self.body(x) if self.same else self.body(x)


class Mobile(nn.Sequential):
    """Seven inverted blocks with gates and hard swish."""

    def __init__(self) -> None:
        sizes = [(16, 48, 16, 1), (16, 64, 24, 2), (24, 96, 24, 1), (24, 96, 40, 2),
                 (40, 160, 40, 1), (40, 160, 48, 1), (48, 192, 64, 1)]  # fmt: skip
        super().__init__(
            nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.Hardswish(),
            *(Inverted(*s) for s in sizes), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(64, 128), nn.Hardswish(), nn.Linear(128, 10),
        )  # fmt: skip


class Transformer(nn.Module):
    """Patches of 4 by 4 pixels, four layers of width 64."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 64, 4, 4)
        self.places = nn.Parameter(torch.randn(1, 49, 64) * 0.02)
        layer = nn.TransformerEncoderLayer(
            64, 4, 128, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Ten logits an image."""
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.places
        return self.head(self.layers(tokens).mean(1))
