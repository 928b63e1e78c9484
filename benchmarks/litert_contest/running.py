"""A `.tflite` file run by LiteRT, whatever converter named its ports and put its channels where.

Inputs are fed in the order of the original model; where the file wants channels last they are put
there. Outputs are paired with those of the reference, each with the nearest of its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from quantization_contest.data import Arrays, spread, stacked, table
from quantization_contest.score import decibel, noise

_WORST = 1e20


class Runner:
    """The file with its inputs set; `ports` are those of the original model, in order."""

    def __init__(self, path: Path, feeds: Arrays, threads: int = 1) -> None:
        self._runner: Any = Interpreter(str(path), num_threads=threads)
        details = self._runner.get_input_details()
        order = _order([d["name"] for d in details], list(feeds))
        self._inputs = [details[k]["index"] for k in order]
        self._layouts = [
            _layout(a.shape, tuple(details[k]["shape_signature"]))
            for a, k in zip(feeds.values(), order, strict=True)
        ]
        for index, array in zip(self._inputs, self._arranged(feeds), strict=True):
            self._runner.resize_tensor_input(index, array.shape)
        self._runner.allocate_tensors()
        self.feed(feeds)

    def feed(self, feeds: Arrays) -> None:
        """Set the inputs."""
        for index, array in zip(self._inputs, self._arranged(feeds), strict=True):
            self._runner.set_tensor(index, np.ascontiguousarray(array))

    def invoke(self) -> None:
        """Run once on the inputs that are set."""
        self._runner.invoke()

    def outputs(self) -> list[np.ndarray]:
        """What the last run made."""
        details = self._runner.get_output_details()
        return [np.array(self._runner.get_tensor(d["index"])) for d in details]

    def _arranged(self, feeds: Arrays) -> list[np.ndarray]:
        return [a.transpose(p) for a, p in zip(feeds.values(), self._layouts, strict=True)]


def _order(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Which input each port is: by name where they are the same, else by its number."""
    if set(wanted) <= set(names):
        return [names.index(n) for n in wanted]
    ranked = sorted(range(len(names)), key=lambda k: names[k])
    return ranked if all("args_" in n for n in names) else list(range(len(names)))


def _layout(shape: tuple[int, ...], held: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that the file wants: as it is, or channels last."""
    as_it_is = tuple(range(len(shape)))
    last = (0, *range(2, len(shape)), 1) if len(shape) > 2 else as_it_is
    fits = [p for p in (as_it_is, last)
            if all(h in (-1, shape[k]) for h, k in zip(held, p, strict=True))]  # fmt: skip
    if not fits:
        raise ValueError(f"the file takes {held}, and not {shape}")
    return fits[0]


def score(job: dict[str, Any]) -> dict[str, Any]:
    """The noise of the file's outputs on the evaluation data, and its top-1 where that is known."""
    samples = table(Path(job["evaluation"]), Path(job["model"]), job["limit"])
    with np.load(job["reference"]) as held:
        wanted = [spread(held[name], job["limit"]) for name in held.files]
    runner = Runner(Path(job["path"]), samples.feeds(0))
    found: list[list[np.ndarray]] = []
    for feeds in samples.each():
        runner.feed(feeds)
        runner.invoke()
        found.append(runner.outputs())
    columns = stacked(found)
    paired = matched(columns, wanted)
    noises = [noise(p, w) for p, w in zip(paired, wanted, strict=True) if w.dtype.kind == "f"]
    mean = min(_WORST, float(np.mean(noises)))
    told = {"noise": mean, "db": decibel(mean), "samples": len(samples)}
    if samples.labels is None:
        return told
    return told | {"top1": 100.0 * float((paired[0].argmax(axis=1) == samples.labels).mean())}


def matched(found: list[np.ndarray], wanted: list[np.ndarray]) -> list[np.ndarray]:
    """For each output that is wanted the found one that is nearest, in its shape."""
    able = [
        [(noise(form, w), form) for form in _forms(f, w.shape)] or [(_WORST, f)]
        for w in wanted for f in found
    ]  # fmt: skip
    near = [min(forms, key=lambda pair: pair[0]) for forms in able]
    width = len(found)
    best = min(
        permutations(range(width), len(wanted)),
        key=lambda chosen: sum(near[k * width + c][0] for k, c in enumerate(chosen)),
    )
    return [near[k * width + c][1] for k, c in enumerate(best)]


def _forms(found: np.ndarray, shape: tuple[int, ...]) -> list[np.ndarray]:
    """The array in that shape: as it lies, or with its last axis put behind the samples."""
    if found.size != np.prod(shape):
        return []
    forms = [found.reshape(shape)]
    if len(shape) > 2 and found.shape[-1] == shape[1]:
        forms.append(np.moveaxis(found.reshape(shape[0], *shape[2:], shape[1]), -1, 1))
    return forms
