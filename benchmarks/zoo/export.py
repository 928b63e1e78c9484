"""Exports an architecture once, as the exporter leaves it and as it optimizes it, into the cache.

CACHE/NAME/raw.onnx   torch.onnx.export(dynamo=True, optimize=False)
CACHE/NAME/opt.onnx   the same program after the step that optimize=True takes
CACHE/NAME/feeds0.npz, feeds1.npz   seeded inputs: a batch of one, and of two where it is free
CACHE/NAME/meta.json  what it is, or why it could not be exported
"""

from __future__ import annotations

import json
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from zoo.entry import Entry

VARIANTS = ("raw", "opt")
_CALIBRATION = 4


def export(entry: Entry, folder: Path) -> dict[str, Any]:
    """What is known about the export, made now unless it is there already."""
    known = folder / "meta.json"
    if known.exists():
        made: dict[str, Any] = json.loads(known.read_text())
        return made
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    meta: dict[str, Any] = {"name": entry.name, "family": entry.family, "pays": entry.pays}
    try:
        meta |= _export(entry, folder)
    except Exception as error:  # any of a hundred classes: it is told, and the zoo goes on
        meta["error"] = _first(error)
    meta["seconds"] = time.perf_counter() - began
    known.write_text(json.dumps(meta))
    return meta


def _first(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [x.strip() for x in str(error).splitlines() if x.strip()] or [""]
    return f"{type(error).__name__}: {' | '.join(lines[:3])[:400]}"


def _export(entry: Entry, folder: Path) -> dict[str, Any]:
    seed = zlib.crc32(entry.name.encode())
    torch.manual_seed(seed)
    model = entry.make().eval()
    generator = torch.Generator().manual_seed(seed + 1)
    draw = lambda batch: tuple(f.draw(generator, batch) for f in entry.feeds)  # noqa: E731
    from zoo.randomize import randomize

    randomize(model, draw(_CALIBRATION), seed)
    program, fixed = _program(model, draw, entry.dynamic)
    program.save(folder / "raw.onnx", external_data=False)
    names = [value.name for value in program.model.graph.inputs]
    for k, batch in enumerate((1, 1 if fixed else 2)):
        arrays = {n: t.numpy() for n, t in zip(names, draw(batch), strict=True)}
        np.savez(folder / f"feeds{k}.npz", **arrays)
    program.optimize()
    program.save(folder / "opt.onnx", external_data=False)
    return {"fixed": fixed, "parameters": sum(p.numel() for p in model.parameters())}


def _program(model: nn.Module, draw: Any, dynamic: bool) -> tuple[Any, str]:
    """The program, and why its batch is fixed, if it is."""
    fixed = "by construction"
    if dynamic:
        inputs = draw(2)
        batch = torch.export.Dim("batch")
        shapes = tuple({0: batch} for _ in inputs)
        variadic = _takes_any(model)
        try:
            return _convert(model, inputs, (shapes,) if variadic else shapes), ""
        except Exception as error:  # the exporter's own reasons: a fixed batch is tried next
            fixed = _first(error)
    return _convert(model, draw(1), None), fixed


def _takes_any(model: nn.Module) -> bool:
    from zoo.entry import Plain

    return isinstance(model, Plain)


def _convert(model: nn.Module, inputs: Any, shapes: Any) -> Any:
    with torch.no_grad():
        program = torch.onnx.export(
            model, inputs, dynamo=True, optimize=False, dynamic_shapes=shapes, verbose=False
        )
    assert program is not None  # it is None for dynamo=False alone
    return program
