"""What a model's inputs accept: names, shapes, and types that lose nothing on the way."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from mcompile.errors import SamplesError
from mcompile.types import Array, Port, Sample
from mcompile.wording import nearest


def match_names(found: Collection[str], ports: Sequence[Port], where: str) -> None:
    """Return when there is data for every input and for nothing else; else `SamplesError`."""
    known = [p.name for p in ports]
    extra = [name for name in found if name not in known]
    if extra:
        raise SamplesError(
            f"the model has no input {extra[0]!r}",
            where=where,
            fix=nearest(extra[0], [*known, "labels"]),
        )
    missing = [name for name in known if name not in found]
    if missing:
        raise SamplesError(
            f"no data for the input {missing[0]!r}",
            where=where,
            fix=f"give arrays for {', '.join(known)}",
        )


def conform(sample: Sample, ports: Sequence[Port], source: str = "") -> Sample:
    """The sample with each array in its input's own type and shape.

    Raises `SamplesError` on a wrong name, rank, size or type, and on NaN or infinity.
    """
    where = f"{source}, {sample.name}" if source and sample.name else source or sample.name
    match_names(list(sample.feeds), ports, where)
    feeds = {p.name: _cast(sample.feeds[p.name], p, where) for p in ports}
    if sample.label is not None:
        _finite(np.asarray(sample.label), "the label", where)
    return replace(sample, feeds=feeds)


def shape_text(shape: Sequence[int | str]) -> str:
    """A shape as a person writes it: 1x3x224x224, `scalar` when it is empty."""
    return "x".join(str(d) for d in shape) or "scalar"


def _cast(data: Array, port: Port, where: str) -> Array:
    fits = data.ndim == len(port.shape) and all(
        have == want or isinstance(want, str)
        for have, want in zip(data.shape, port.shape, strict=True)
    )
    if not fits:
        raise SamplesError(
            f"{port.name} takes {shape_text(port.shape)}, not {shape_text(data.shape)}",
            where=where,
            fix=_turn(data.shape, port),
        )
    made = _typed(data, port, where)
    _finite(made, port.name, where)
    return made


def _typed(data: Array, port: Port, where: str) -> Array:
    if port.dtype == "string":
        goal = np.dtype(object)
        lossless = data.dtype.kind in "UO" and all(isinstance(item, str) for item in data.flat)
    else:
        goal = _dtype(port, where)
        lossless = data.dtype == goal or (
            data.dtype.kind == goal.kind == "f" or _integers_fit(data, goal)
        )
    if not lossless:
        raise SamplesError(
            f"{port.name} takes {port.dtype}, not {_range(data, goal)}{data.dtype}",
            where=where,
            fix=_cure(data, port),
        )
    with np.errstate(over="ignore"):
        # Always a copy: a view would keep the block it was read with, or the user's buffer.
        return np.array(data, dtype=goal, order="C")


def _dtype(port: Port, where: str) -> np.dtype[np.generic]:
    try:
        return np.dtype(port.dtype)
    except TypeError as error:
        raise SamplesError(
            f"{port.name} is of type {port.dtype}, which numpy cannot hold",
            where=where,
            fix="export the model with float32 inputs",
        ) from error


def _integers_fit(data: Array, goal: np.dtype[np.generic]) -> bool:
    if data.dtype.kind not in "iu" or goal.kind not in "iu":
        return False
    limits = np.iinfo(goal.name)
    return not data.size or (int(data.min()) >= limits.min and int(data.max()) <= limits.max)


def _range(data: Array, goal: np.dtype[np.generic]) -> str:
    out_of_range = data.dtype.kind in "iu" and goal.kind in "iu"
    return f"{data.min()}..{data.max()} of " if out_of_range else ""


def _cure(data: Array, port: Port) -> str:
    if data.dtype == np.uint8:
        return "--preprocess, which makes floats of pictures"
    return f"array.astype({port.dtype!r}), if nothing is lost by it"


def _turn(shape: tuple[int, ...], port: Port) -> str:
    """What to do about a shape: a channel axis in the wrong place is the usual mistake."""
    if len(shape) == len(port.shape) == 4:
        for order, advice in (((0, 3, 1, 2), "NHWC to NCHW"), ((0, 2, 3, 1), "NCHW to NHWC")):
            turned = [shape[axis] for axis in order][1:]
            wanted = port.shape[1:]
            if all(isinstance(w, str) or t == w for t, w in zip(turned, wanted, strict=True)):
                return f"array.transpose{order}: {advice}"
    return "the shape that the model was exported with, or --input to export it anew"


def _finite(data: Array, what: str, where: str) -> None:
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        kind = "NaN" if np.isnan(data).any() else f"infinity as {data.dtype}"
        raise SamplesError(f"{what} holds {kind}", where=where, fix="remove it from the data")


def numpy_of(value: object, what: str, where: str) -> Array:
    """An array, tensor, number or nested list as numpy; `SamplesError` where it is none."""
    try:
        # A tensor with a gradient, or on a GPU, does not turn into numpy unaided.
        tensor = value.detach().cpu() if hasattr(value, "detach") else value
        made = np.asarray(tensor)
    except Exception as error:  # torch and numpy raise what they like
        raise SamplesError(
            f"{what} is {type(value).__name__}, which is no array: {error}", where=where
        ) from error
    if made.dtype.kind == "O" and not all(isinstance(item, str) for item in made.flat):
        raise SamplesError(
            f"{what} is {type(value).__name__}, which is no array",
            where=where,
            fix="numbers: an array, a tensor, or a nested list",
        )
    return made
