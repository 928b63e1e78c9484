"""A network of ResNet-50's structure with seeded random weights: for speed, never for accuracy.

(He et al., Deep Residual Learning for Image Recognition, arXiv:1512.03385, table 1.)
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from trained.bench import Data, Trained, export
from trained.vision import photos

_STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
_SEED = 0


def networks() -> list[Trained]:
    """The network, fed with photos."""
    return [Trained("resnet50_sized", "random weights", _resnet50, _data)]


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside the identity or a projection."""

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_layer(inside, width, 1), nn.ReLU(), *_layer(width, width, 3, stride), nn.ReLU(),
            *_layer(width, 4 * width, 1),
        )  # fmt: skip
        same = stride == 1 and inside == 4 * width
        self.beside = (
            nn.Identity() if same else nn.Sequential(*_layer(inside, 4 * width, 1, stride))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The output of the block."""
        return torch.relu(self.body(x) + self.beside(x))


def _layer(inside: int, outside: int, size: int, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inside, outside, size, stride, size // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    norm = nn.BatchNorm2d(outside)
    nn.init.uniform_(norm.weight, 0.6, 1.0)  # sums over blocks grow, and stay within reason
    nn.init.normal_(norm.bias, 0.0, 0.1)
    return [conv, norm]


def _resnet50(path: Path) -> None:
    torch.manual_seed(_SEED)
    layers: list[nn.Module] = [*_layer(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inside = 64
    for width, count, first in _STAGES:
        for index in range(count):
            layers.append(Bottleneck(inside, width, first if index == 0 else 1))
            inside = 4 * width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inside, 1000)]
    export(nn.Sequential(*layers), (1, 3, 224, 224), path)


def _data() -> tuple[Data, Data]:
    calibration, evaluation = photos()
    return calibration, Data(evaluation.feeds)
