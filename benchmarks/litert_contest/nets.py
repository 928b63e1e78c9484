"""Networks of random weights for structure and speed, at the sizes that phones are given."""

from __future__ import annotations

import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import torchvision
from torch import nn
from zoo.entry import Entry, picture
from zoo.randomize import randomize

_CALIBRATION, _EVALUATION = 8, 4
_TORCHVISION = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "squeezenet1_1",
                "shufflenet_v2_x1_0", "efficientnet_b0", "resnet18", "resnet50", "densenet121",
                "swin_t")  # fmt: skip
_TIMM = ("deit_tiny_patch16_224", "mobilenetv4_conv_small", "mobilevit_xxs")
_SIDE = {"mobilevit_xxs": 256}


def entry(name: str) -> Entry:
    """The network of that name; raises `KeyError` for one that is not compared."""
    side = picture(_SIDE.get(name, 224))
    if name in _TORCHVISION:
        make = partial(getattr(torchvision.models, name), weights=None)
        return Entry(name, "torchvision", make, side)
    if name in _TIMM:
        return Entry(name, "timm", partial(timm.create_model, name, pretrained=False), side)
    raise KeyError(name)


def module(name: str) -> tuple[nn.Module, torch.Generator, Entry]:
    """The network with its seeded weights, and what its inputs are drawn with."""
    found, seed = entry(name), zlib.crc32(name.encode())
    torch.manual_seed(seed)
    made = found.make().eval()
    generator = torch.Generator().manual_seed(seed + 1)
    randomize(made, tuple(f.draw(generator, 4) for f in found.feeds), seed)
    return made, generator, found


def lay(job: dict[str, Any]) -> dict[str, Any]:
    """Export the network for a batch of one, with samples to calibrate with and to judge by."""
    place = Path(job["folder"]) / job["name"]
    place.mkdir(parents=True, exist_ok=True)
    made, generator, found = module(job["name"])
    example = tuple(f.draw(generator, 1) for f in found.feeds)
    with torch.no_grad():
        program = torch.onnx.export(made, example, dynamo=True, verbose=False, input_names=["x"])
    assert program is not None  # it is None for dynamo=False alone
    program.save(place / "model.onnx", external_data=False)
    for file, count in (("calibration", _CALIBRATION), ("evaluation", _EVALUATION)):
        rows = [found.feeds[0].draw(generator, 1).numpy() for _ in range(count)]
        np.savez(place / f"{file}.npz", x=np.stack(rows))
    return {"parameters": sum(p.numel() for p in made.parameters())}
