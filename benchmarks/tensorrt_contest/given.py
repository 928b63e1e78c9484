"""A model and its samples as both quantizers are given them: optimized by us, sizes fixed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from quantization_contest.data import Arrays, table

from mcompile.frontend import capture
from mcompile.optimizer import optimize
from mcompile.reference import random_feeds
from mcompile.specialize import specialized
from mcompile.types import Program, Sample, Samples

_NOISE = 4


@dataclass(frozen=True)
class Given:
    """`folder` holds float.onnx and calibration.npz, and whatever is made of them."""

    name: str
    folder: Path
    program: Program
    calibration: list[Arrays]
    evaluation: list[Arrays]

    @property
    def samples(self) -> Samples:
        """What ranges are observed on."""
        held = [Sample(feeds) for feeds in self.calibration]
        return Samples("calibration.npz", lambda: iter(held), len(held))


def of_noise(model: Path, name: str, folder: Path) -> Given:
    """An untrained model: where pairs stand does not depend on what it has learned."""
    program = _written(model, folder)
    feeds = [random_feeds(program, seed, 1) for seed in range(_NOISE)]
    return _given(name, folder, program, (feeds, feeds))


def of_trained(place: Path, folder: Path, counts: tuple[int, int]) -> Given:
    """A trained network laid out by benchmarks/quantization.py.

    `counts` are how many samples to calibrate with and to judge by, spread over all there are.
    """
    program = _written(place / "model.onnx", folder)
    files = (place / "calibration.npz", place / "evaluation.npz")
    held = [table(f, folder / "float.onnx", n) for f, n in zip(files, counts, strict=True)]
    calibration, evaluation = ([*t.each()] for t in held)
    return _given(place.name, folder, program, (calibration, evaluation))


def _written(model: Path, folder: Path) -> Program:
    """The optimized program at batch 1, also written to float.onnx with a name for every node."""
    folder.mkdir(parents=True, exist_ok=True)
    program = capture(model)
    free = {d for port in program.inputs for d in port.shape if isinstance(d, str)}
    bound = specialized(program, dict.fromkeys(free, 1)) if free else program
    found, _ = optimize(bound, runtime="tensorrt")
    for count, node in enumerate(found.graph.graph):
        node.name = node.name or f"{node.op_type}_{count}"
    onnx.save(ir.to_proto(found.graph), folder / "float.onnx")
    return found


def _given(
    name: str, folder: Path, program: Program, feeds: tuple[list[Arrays], list[Arrays]]
) -> Given:
    rows = {n: [f[n] for f in feeds[0]] for n in feeds[0][0]}
    np.savez(folder / "calibration.npz", **{n: np.stack(r) for n, r in rows.items()})
    return Given(name, folder, program, *feeds)
