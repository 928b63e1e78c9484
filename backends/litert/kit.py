"""What measures a `.tflite` file on an Android device: a script, and what it feeds.

The script runs TensorFlow Lite's `benchmark_model` through adb, and writes what `mcompile check
--measured` reads. Names that `benchmark_model` has other uses for are not fed: it then makes up
inputs of its own, and the outputs are not compared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mcompile.types import Artifact, Feeds

_ARCHES = ("aarch64", "arm64", "armv7l", "armv8l")
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
_SCRIPT = Path(__file__).with_name("bench.sh")


def kit(
    artifact: Artifact, cases: Sequence[tuple[Feeds, Feeds]], threads: int | None
) -> dict[str, bytes]:
    """The files by their path in the artifact's folder; none for a device that is no Arm."""
    if artifact.contract.arch not in _ARCHES:
        return {}
    feeds = cases[0][0] if cases else {}
    fed = bool(feeds) and all(_PLAIN.fullmatch(name) for name in feeds)
    told = {
        "case_model": artifact.files[0].path,
        "case_threads": str(threads or 1),
        "case_inputs": ",".join(f"{n}:@{i}.bin" for i, n in enumerate(feeds)) if fed else "",
        "case_words": _words(feeds) if fed else "",
    }
    lines = "".join(f"{key}='{value}'\n" for key, value in told.items())
    files = {"bench/bench.sh": _SCRIPT.read_bytes(), "bench/case.env": lines.encode()}
    if fed:
        for number, data in enumerate(feeds.values()):
            files[f"bench/inputs/{number}.bin"] = np.asarray(data, order="C").tobytes()
    return files


def _words(feeds: Feeds) -> str:
    names = ",".join(feeds)
    shapes = ":".join(",".join(map(str, data.shape)) for data in feeds.values())
    return f"--input_layer={names} --input_layer_shape={shapes}"
