"""Task metrics: what an output is worth, given the label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcompile.errors import SamplesError, UsageError
from mcompile.names import resolve
from mcompile.types import Array, Feeds
from mcompile.wording import nearest

Score = Callable[[Feeds, Array], float]


@dataclass(frozen=True)
class Metric:
    """A figure of merit: the mean of `score(outputs, label)` over the samples."""

    name: str
    unit: str
    higher_is_better: bool
    score: Score


def find(name: str | Callable[..., object]) -> Metric:
    """The metric of that name, or the caller's own: MODULE:CALLABLE, or the callable itself.

    A callable takes the outputs by name and the label and returns a number, higher being better
    unless it has an attribute `lower_is_better` that is true. Raises `UsageError`.
    """
    if callable(name):
        return _own(getattr(name, "__name__", type(name).__name__), name)
    if name in METRICS:
        return METRICS[name]
    if ":" in name:
        return _own(name, resolve(name, UsageError, Path()))
    raise UsageError(
        f"{name} is not a metric",
        where="--metric",
        fix=nearest(name, [*METRICS, "MODULE:CALLABLE"]),
    )


def _own(name: str, score: Callable[..., object]) -> Metric:
    return Metric(name, "", not getattr(score, "lower_is_better", False), _guarded(name, score))


def _guarded(name: str, score: Callable[..., object]) -> Score:
    def guarded(outputs: Feeds, label: Array) -> float:
        try:
            return float(score(outputs, label))  # type: ignore[arg-type]
        except Exception as error:  # the user's code may raise anything
            raise UsageError(
                f"the metric {name} failed on a sample",
                where=f"{type(error).__name__}: {error}",
                fix="it takes (outputs by name, label) and returns a number",
            ) from error

    return guarded


def _top(k: int) -> Score:
    def score(outputs: Feeds, label: Array) -> float:
        logits = _first(outputs)
        rows = logits.reshape(-1, logits.shape[-1]) if logits.ndim else logits.reshape(1, 1)
        wanted = np.asarray(label).reshape(-1)
        _check(rows, wanted)
        own = rows[np.arange(len(rows)), wanted.astype(np.int64)][:, None]
        # The first of equals wins, as it does with arg-max on a device: integers tie often.
        earlier = np.arange(rows.shape[1])[None, :] < wanted[:, None]
        ahead = ((rows > own) | ((rows == own) & earlier)).sum(axis=1)
        return float(100.0 * np.mean((ahead < k) & ~np.isnan(rows).any(axis=1)))

    return score


def _check(rows: Array, wanted: Array) -> None:
    if len(wanted) != len(rows):
        raise SamplesError(
            f"{len(wanted)} labels for {len(rows)} rows of output",
            where=f"an output of shape {list(rows.shape)}",
            fix="give one class number for each sample, or another --metric",
        )
    whole = wanted.dtype.kind in "iu" or (wanted.dtype.kind == "f" and (wanted % 1 == 0).all())
    if not whole or wanted.min() < 0 or wanted.max() >= rows.shape[1]:
        raise SamplesError(
            f"the label {wanted.tolist()} is not a class of the model",
            where=f"an output of {rows.shape[1]} classes",
            fix=f"labels are whole numbers from 0 to {rows.shape[1] - 1}",
        )


def _mae(outputs: Feeds, label: Array) -> float:
    output, wanted = _pair(outputs, label)
    return float(np.abs(output - wanted).mean())


def _cosine(outputs: Feeds, label: Array) -> float:
    output, wanted = _pair(outputs, label)
    length = float(np.linalg.norm(output) * np.linalg.norm(wanted))
    return float(np.dot(output, wanted)) / length if length > 0 else 0.0


def _pair(outputs: Feeds, label: Array) -> tuple[Array, Array]:
    output = _first(outputs).astype(np.float64).reshape(-1)
    wanted = np.asarray(label, dtype=np.float64).reshape(-1)
    if output.size != wanted.size:
        raise SamplesError(
            f"a label of {wanted.size} numbers for an output of {output.size}",
            where="--metric mae or cosine, which compare number by number",
            fix="give labels of the output's shape, or another --metric",
        )
    return output, wanted


def _first(outputs: Feeds) -> Array:
    return next(iter(outputs.values()))


METRICS = {
    "top1": Metric("top1", "%", True, _top(1)),
    "top5": Metric("top5", "%", True, _top(5)),
    "mae": Metric("mae", "", False, _mae),
    "cosine": Metric("cosine", "", True, _cosine),
}
