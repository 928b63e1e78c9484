"""What was observed, in a file: a calibration that was killed goes on, and no target repeats it.

An `.npz` without pickles: `head`, a JSON text that lists the tensors, and arrays with a row for
each of them. It is replaced as a whole, so that whoever is killed leaves the last good one behind.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from mcompile.errors import SamplesError
from mcompile.quantize.ranges import BINS, Channels, TensorRange
from mcompile.types import Array, Sample

_SCHEMA = 1
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    msgspec.MsgspecError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OSError,
    NotImplementedError,
    MemoryError,
)
"""What reading a file that is no such archive, or one with foreign bytes in it, may raise."""


@dataclass
class Observed:
    """The range of one tensor, the number of samples it has seen, and the chain of their hashes."""

    range: TensorRange = field(default_factory=TensorRange)
    seen: int = 0
    chain: str = ""


Progress = dict[str, Observed]
"""What was observed so far, by the identity of the tensor."""


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    identity: str
    seen: int
    chain: str
    channels: list[tuple[int, int]]
    """Axis and number of channels."""


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    schema: int
    model: str
    source: str
    tensors: list[_Row]


def linked(chain: str, sample: Sample) -> str:
    """The hash of a sample and of all before it, whose hash is `chain`."""
    made = hashlib.sha256(chain.encode())
    for name in sorted(sample.feeds):
        data = sample.feeds[name]
        made.update(f"{name}:{data.dtype}:{data.shape}".encode())
        flat = np.ascontiguousarray(data).reshape(-1)
        kept = repr(flat.tolist()).encode() if flat.dtype == object else flat.view(np.uint8).data
        made.update(kept)
    return made.hexdigest()


def save(path: Path, progress: Progress, model: str, source: str, names: Mapping[str, str]) -> None:
    """Replace the file by one that holds the progress; `names` calls tensors by their identity.

    Raises `SamplesError` where it cannot be written.
    """
    rows = [
        _Row(names.get(k, ""), k, o.seen, o.chain, _lengths(o.range)) for k, o in progress.items()
    ]
    head = msgspec.json.encode(_Head(_SCHEMA, model, source, rows))
    write: Callable[..., None] = np.savez
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            write(file, head=np.frombuffer(head, np.uint8), **_columns(progress))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise SamplesError(
            "what was observed cannot be saved",
            where=f"{path}: {error.strerror}",
            fix="name a file in a folder that exists and can be written to",
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink()


def load(path: Path) -> Progress:
    """The progress that the file holds, none where there is no file.

    Raises `SamplesError` for a file that is damaged, or is something else.
    """
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as held:
            return _progress({key: held[key] for key in held.files})
    except DAMAGED as error:
        raise SamplesError(
            "this file of observed ranges is damaged, or is something else",
            where=str(path),
            fix="delete it, and the calibration data is observed anew; or name another file",
        ) from error


def _lengths(found: TensorRange) -> list[tuple[int, int]]:
    return [(axis, held.low.size) for axis, held in found.channels.items()]


def _columns(progress: Progress) -> dict[str, Array]:
    ranges = [o.range for o in progress.values()]
    channels = [c for r in ranges for c in r.channels.values()]
    none = [np.zeros(0, np.float32)]
    return {
        "extremes": np.array([(r.low, r.high, r.bound) for r in ranges], np.float64),
        "zeros": np.array([r.zeros for r in ranges], np.int64),
        "counts": np.array([r.counts for r in ranges], np.int64),
        "channel_low": np.concatenate(none + [c.low for c in channels]),
        "channel_high": np.concatenate(none + [c.high for c in channels]),
    }


def _progress(held: Mapping[str, Array]) -> Progress:
    head = msgspec.json.decode(held["head"].tobytes(), type=_Head)
    rows = len(head.tensors)
    counts = held["counts"]
    if head.schema != _SCHEMA or counts.dtype != np.int64 or counts.shape != (rows, BINS):
        raise ValueError("written by another version")
    if held["extremes"].shape != (rows, 3) or held["zeros"].shape != (rows,):
        raise ValueError("rows are missing")
    made: Progress = {}
    start = 0
    for k, row in enumerate(head.tensors):
        low, high, bound = (float(v) for v in held["extremes"][k])
        found = TensorRange(low, high, bound, counts[k], int(held["zeros"][k]))
        for axis, length in row.channels:
            part = slice(start, start + length)
            ends = Channels(held["channel_low"][part], held["channel_high"][part])
            found.channels[axis] = ends
            start += length
            if ends.low.shape != (length,) or ends.high.shape != (length,):
                raise ValueError("channels are missing")
        made[row.identity] = Observed(found, row.seen, row.chain)
    return made
