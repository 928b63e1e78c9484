"""Opens samples, whatever they come from: each kind of source is asked whether it is its own."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mcompile.errors import Broken, SamplesError, UsageError
from mcompile.samples.call import Call
from mcompile.samples.fit import fit
from mcompile.samples.ports import conform
from mcompile.samples.preprocess import Preprocess
from mcompile.samples.source import Source, Wanted
from mcompile.types import Port, Sample, Samples
from mcompile.wording import nearest


def open_samples(
    source: object,
    inputs: Sequence[Port],
    *,
    preprocess: Preprocess | None = None,
    limit: int | None = None,
    base: Path | None = None,
) -> Samples:
    """The samples in a source, each checked against the model's inputs as it is read.

    Feeds have the inputs' own types and shapes, the batch axis first; a label has that axis too,
    unless the model has no batch. At most `limit` samples are given; `count` says how many there
    are where the source tells without being read. Relative names start at `base`. Raises
    `SamplesError`, at once where the headers show it, else from the stream.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"{limit} samples are none", where="--samples", fix="1 or more")
    if not inputs:
        raise SamplesError("the model has no inputs to give samples to", where=str(source)[:200])
    wanted = Wanted(tuple(inputs), preprocess, base or Path())
    place = _place(source, wanted.base)
    found = _kind(place)(place, wanted)
    known = found.count()
    count = known if known is None or limit is None else min(known, limit)
    return Samples(str(found), _Stream(found, wanted, limit), count)


@dataclass(frozen=True)
class _Stream:
    """Starts the stream anew with each call; survives pickling where its source does."""

    source: Source
    wanted: Wanted
    limit: int | None

    def __call__(self) -> Iterator[Sample]:
        samples = fit(self.source.chunks(), self.wanted, str(self.source))
        for sample in islice(samples, self.limit):
            yield conform(sample, self.wanted.ports, str(self.source))


def kinds() -> list[type[Source]]:
    """The kinds of source, one class a file of this folder; `Broken` where a file has two."""
    found = []
    package = __name__.rpartition(".")[0]
    for entry in pkgutil.iter_modules([str(Path(__file__).parent)]):
        module = importlib.import_module(f"{package}.{entry.name}")
        own = [
            c
            for _, c in inspect.getmembers(module, inspect.isclass)
            if issubclass(c, Source) and c.__module__ == module.__name__ and c is not Source
        ]
        if len(own) > 1:
            raise Broken(f"{module.__name__} holds {len(own)} kinds of source", fix="one a file")
        found += own
    return found


def _kind(place: object) -> type[Source]:
    known = kinds()
    fitting = [kind for kind in known if kind.takes(place)]
    if len(fitting) == 1:
        return fitting[0]
    titles = ", ".join(sorted(kind.title for kind in fitting or known))
    what = "this could be two kinds of samples" if fitting else _nothing(place)
    raise SamplesError(what, where=str(place)[:200], fix=f"one of: {titles}")


def _nothing(place: object) -> str:
    if not isinstance(place, Path):
        return f"{type(place).__name__} is no source of samples"
    if place.is_dir():
        return "this folder holds neither pictures nor .npz files"
    return "this file is of no kind that holds samples" if place.stat().st_size else "an empty file"


def _place(source: object, base: Path) -> object:
    if not isinstance(source, str | Path):
        return source
    # Joining leaves an absolute path as it is.
    path = base / os.path.expanduser(source)
    # Not `Path.exists`, which raises on names that no file can have.
    if os.path.exists(path):
        return path
    if isinstance(source, str) and Call.takes(source):
        return source
    raise _absent(path)


def _absent(path: Path) -> SamplesError:
    there = next((p for p in path.parents if os.path.isdir(p)), Path())
    missing = path.relative_to(there).parts[0] if path.is_relative_to(there) else path.name
    try:
        names = [name for name in os.listdir(there) if not name.startswith(".")]
    except OSError:
        names = []
    near = nearest(missing, names[:1000])
    return SamplesError(
        "there are no samples of that name",
        where=str(path)[:200],
        fix=f"{there}: {near}" if 0 < len(near) < 200 else "check the name",
    )
