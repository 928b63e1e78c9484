"""What an architecture of the zoo is, and what it is fed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Feed:
    """An input: its shape with a batch of one, and what fills it.

    "image" is noise of two scales, so that two of them differ after pooling; "noise" is normal;
    "token" is an integer below `high`.
    """

    shape: tuple[int, ...]
    kind: str = "image"
    high: int = 0

    def draw(self, generator: torch.Generator, batch: int) -> torch.Tensor:
        """A seeded tensor of that batch."""
        shape = (batch, *self.shape[1:])
        if self.kind == "token":
            return torch.randint(0, self.high, shape, generator=generator)
        fine = torch.randn(shape, generator=generator)
        if self.kind == "noise":
            return fine
        coarse = torch.randn((*shape[:-2], 4, 4), generator=generator).flatten(0, -4)
        wide = nn.functional.interpolate(coarse, size=shape[-2:], mode="bilinear")
        return wide.reshape(shape) + 0.5 * fine


@dataclass(frozen=True)
class Entry:
    """A network to be: `make` builds it, `pays` names the rule it is there for, if any."""

    name: str
    family: str
    make: Callable[[], nn.Module]
    feeds: tuple[Feed, ...]
    dynamic: bool = True
    pays: str = ""


class Plain(nn.Module):
    """A network whose outputs are a flat tuple of tensors, `keep` of them."""

    def __init__(self, inner: nn.Module, keep: int | None = None) -> None:
        super().__init__()
        self.inner, self.keep = inner, keep

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The tensors of whatever the network gives back, in its order."""
        return tuple(_tensors(self.inner(*inputs)))[: self.keep]


class Detector(nn.Module):
    """A torchvision detector: boxes, scores and labels of the first picture."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What is found in it."""
        found = self.inner(list(picture.unbind(0)))[0]
        return tuple(found[k] for k in ("boxes", "scores", "labels"))


class Heads(nn.Module):
    """A torchvision detector up to its heads: what the exporter can follow."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = inner.backbone, inner.head

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Class scores and box offsets of every anchor, and what else the heads give."""
        found = self.head(list(self.backbone(picture).values()))
        return tuple(found[k] for k in sorted(found))


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value.values() if hasattr(value, "values") else value
    return [t for part in parts if part is not None for t in _tensors(part)]


def picture(side: int, channels: int = 3) -> tuple[Feed, ...]:
    """One square picture."""
    return (Feed((1, channels, side, side)),)


def tokens(length: int, high: int) -> tuple[Feed, ...]:
    """One sequence of words."""
    return (Feed((1, length), "token", high),)


def noise(*shape: int) -> tuple[Feed, ...]:
    """One tensor of normal numbers, a batch of one in front."""
    return (Feed((1, *shape), "noise"),)
