"""A trained network laid out as files: a model, data to calibrate with and data to judge by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Data:
    """Arrays by input name, first axis = samples; labels where a class is right or wrong."""

    feeds: Arrays
    labels: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Trained:
    """What a network is called, where it comes from, and how its files are made.

    `model` writes an ONNX file; `data` gives calibration and evaluation data, which share nothing.
    """

    name: str
    licence: str
    model: Callable[[Path], None]
    data: Callable[[], tuple[Data, Data]]


@dataclass(frozen=True)
class Laid:
    """The files of a trained network."""

    trained: Trained
    model: Path
    calibration: Path
    evaluation: Path
    labelled: bool


def lay(trained: Trained, folder: Path) -> Laid:
    """The network's files under `folder`, made where they are not there yet."""
    place = folder / trained.name
    place.mkdir(parents=True, exist_ok=True)
    model, first, second = (place / n for n in ("model.onnx", "calibration.npz", "evaluation.npz"))
    if not second.exists():
        trained.model(model)
        calibration, evaluation = trained.data()
        np.savez(first, **calibration.feeds)
        labels = {} if evaluation.labels is None else {"labels": evaluation.labels}
        np.savez(second, **evaluation.feeds, **labels)
    with np.load(second) as held:
        return Laid(trained, model, first, second, "labels" in held.files)


def export(module: torch.nn.Module, shape: tuple[int, ...], path: Path) -> None:
    """The module as ONNX with a free first dimension, its input named `x`."""
    example = torch.zeros(2, *shape[1:])
    program = torch.onnx.export(
        module.eval(), (example,), dynamo=True, verbose=False, input_names=["x"],
        dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
    )  # fmt: skip
    assert program is not None
    program.save(str(path))
