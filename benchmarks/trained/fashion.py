"""Small networks trained here on Debian's Fashion-MNIST: residual, MobileNetV3-like, transformer.

Two passes over 60,000 images with a fixed seed: about 90 % right after two CPU minutes each.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from trained.bench import Data, Trained, export

FOLDER = Path("/usr/share/datasets/fashion-mnist")
_EPOCHS, _BATCH, _SEED = 2, 128, 0


def networks() -> list[Trained]:
    """The three networks; none where the package `dataset-fashion-mnist` is not installed."""
    kinds = {"residual": Residual, "mobile_v3": Mobile, "vision_transformer": Transformer}
    if not FOLDER.is_dir():
        return []
    return [
        Trained(n, "data: MIT; trained here", partial(_train, k), _data) for n, k in kinds.items()
    ]


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


def _train(kind: Callable[[], nn.Module], path: Path) -> None:
    torch.manual_seed(_SEED)
    images, labels = (torch.from_numpy(a) for a in _read("train"))
    module = kind()
    steps = _EPOCHS * (len(images) // _BATCH)
    optimizer = torch.optim.AdamW(module.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for epoch in range(_EPOCHS):
        order = torch.from_numpy(np.random.default_rng(epoch).permutation(len(images)))
        for batch in order[: len(images) // _BATCH * _BATCH].reshape(-1, _BATCH):
            loss = nn.functional.cross_entropy(module(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    export(module, (1, 1, 28, 28), path)


def _read(part: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    with gzip.open(FOLDER / f"{part}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16)
    with gzip.open(FOLDER / f"{part}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    images = (pixels.reshape(-1, 1, 28, 28).astype(np.float32) / 255 - 0.2860) / 0.3530
    return images.astype(np.float32), labels.astype(np.int64)


def _data() -> tuple[Data, Data]:
    """The first training images to calibrate, the first 2,000 test images to judge by."""
    calibration, _ = _read("train")
    images, labels = _read("t10k")
    return Data({"x": calibration[:128]}), Data({"x": images[:2000]}, labels[:2000])
