"""Samples as a runtime is fed them, read alike by every tool and in every interpreter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

Arrays = dict[str, np.ndarray]
_LABELS = "labels"


@dataclass(frozen=True)
class Table:
    """Rows of samples in the order of a model's inputs; `ranks` are those of its inputs."""

    columns: Arrays
    ranks: dict[str, int]
    labels: np.ndarray | None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def feeds(self, first: int, count: int = 1) -> Arrays:
        """`count` samples in one batch; inputs whose rows have the rank of the input stay so."""
        return {n: self._fitting(n, a[first : first + count]) for n, a in self.columns.items()}

    def each(self) -> Iterator[Arrays]:
        """Every sample as a batch of one."""
        return (self.feeds(k) for k in range(len(self)))

    def batches(self, size: int) -> Iterator[Arrays]:
        """All samples, `size` at a time where the inputs allow it."""
        step = size if all(a.ndim == self.ranks[n] for n, a in self.columns.items()) else 1
        return (self.feeds(k, step) for k in range(0, len(self), step))

    def _fitting(self, name: str, rows: np.ndarray) -> np.ndarray:
        return rows if rows.ndim == self.ranks[name] else np.asarray(rows[0])


def table(path: Path, model: Path, limit: int | None = None) -> Table:
    """The samples of an archive for the inputs of a model, at most `limit`, spread over all."""
    ports = onnx.load(model, load_external_data=False).graph.input
    ranks = {p.name: len(p.type.tensor_type.shape.dim) for p in ports}
    with np.load(path) as held:
        labels = spread(held[_LABELS], limit) if _LABELS in held.files else None
        return Table({n: spread(held[n], limit) for n in ranks}, ranks, labels)


def spread(rows: np.ndarray, limit: int | None) -> np.ndarray:
    """At most `limit` rows, from the first to the last at even distances.

    Data is often sorted: the first rows would all be of one class.
    """
    if limit is None or limit >= len(rows):
        return rows
    return rows[np.linspace(0, len(rows) - 1, limit).astype(int)]


def draw(source: Path, into: Path, limit: int) -> None:
    """Write an archive of at most `limit` of the samples of another."""
    with np.load(source) as held:
        np.savez(into, **{name: spread(held[name], limit) for name in held.files})


def stacked(parts: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """The outputs of all batches, output by output, the samples first."""
    return [
        np.concatenate([np.atleast_1d(p) for p in column]) for column in zip(*parts, strict=True)
    ]
