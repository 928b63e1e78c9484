"""The small networks trained here on Debian's Fashion-MNIST, package `dataset-fashion-mnist`.

Two passes over 60,000 images with a fixed seed. Needs no network; takes minutes of CPU each.
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
from trained.small import Mobile, Residual, Transformer

FOLDER = Path("/usr/share/datasets/fashion-mnist")
_EPOCHS, _BATCH, _SEED = 2, 128, 0
_MEAN, _DEVIATION = 0.2860, 0.3530
_CALIBRATION, _EVALUATION = 128, 2000


def networks() -> list[Trained]:
    """A residual, a MobileNetV3-like net and a transformer; none where the data is not there."""
    kinds = {"residual": Residual, "mobile_v3": Mobile, "vision_transformer": Transformer}
    if not FOLDER.is_dir():
        return []
    return [
        Trained(n, "data: MIT; trained here", partial(_train, k), _data) for n, k in kinds.items()
    ]


def _train(kind: Callable[[], nn.Module], path: Path) -> None:
    """Train from the seed and export."""
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
    images = (pixels.reshape(-1, 1, 28, 28).astype(np.float32) / 255 - _MEAN) / _DEVIATION
    return images.astype(np.float32), labels.astype(np.int64)


def _data() -> tuple[Data, Data]:
    """Training images to calibrate with, test images to judge by."""
    calibration, _ = _read("train")
    images, labels = _read("t10k")
    return Data({"x": calibration[:_CALIBRATION]}), Data(
        {"x": images[:_EVALUATION]}, labels[:_EVALUATION]
    )
