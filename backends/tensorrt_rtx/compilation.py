"""An ONNX file through NVIDIA's parser and compiler, in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcompile.backends.tensorrt_rtx import builder
from mcompile.backends.tensorrt_rtx.capabilities import NAMES
from mcompile.backends.tensorrt_rtx.layers import multiplied
from mcompile.backends.tensorrt_rtx.reasons import refusal
from mcompile.errors import LoweringError
from mcompile.types import Program

LARGEST_BATCH = 16
"""The most that a free leading size may be; the engine is tuned for one."""

_SECONDS = 3600.0


@dataclass(frozen=True)
class Compiled:
    """What the compiler said, and what it took.

    `ports` are the types of inputs and outputs by name, in its own spelling; `products` says how
    many layers multiply numbers of each type; `peak_mb` is the memory of its process in 10^6 bytes,
    0 where the system does not tell.
    """

    ports: Mapping[str, str]
    products: Mapping[str, int]
    warnings: tuple[str, ...]
    seconds: float
    peak_mb: float


def compiled(
    model: Path, capabilities: Sequence[str], source: Program, engine: Path | None = None
) -> Compiled:
    """Compile `model` for those GPUs, and write the engine where `engine` says.

    With no capabilities it is only parsed. `source` is what the file was written from. Raises
    `LoweringError` naming the node that was refused.
    """
    request = {
        "model": str(model),
        "capabilities": [NAMES[name] for name in capabilities],
        "engine": str(engine) if engine else "",
        "batch": LARGEST_BATCH,
    }
    began = time.perf_counter()
    found = _ask(request, source.name)
    seconds = time.perf_counter() - began
    if found["refused"]:
        raise refusal(found["refused"], source)
    peak_mb = found["peak_bytes"] / 1e6
    products = multiplied(found["layers"])
    return Compiled(found["ports"], products, tuple(found["warnings"]), seconds, peak_mb)


def _ask(request: Mapping[str, object], name: str) -> builder.Answer:
    # The child gets our import path before it imports anything, and its own folder never.
    first = f"import runpy, sys; sys.path[:] = {sys.path!r}"
    run = f"runpy.run_path({builder.__file__!r}, run_name='__main__')"
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"{first}; {run}"], input=json.dumps(request),
            capture_output=True, timeout=_SECONDS, check=False, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise _ended(f"no answer in {_SECONDS:g} s", name) from error
    if done.returncode != 0 or not done.stdout:
        told = done.stderr.strip().splitlines() or ["no message"]
        raise _ended(f"exit status {done.returncode}: {told[-1][:200]}", name)
    answer: builder.Answer = json.loads(done.stdout)
    return answer


def _ended(reason: str, name: str) -> LoweringError:
    return LoweringError(
        "TensorRT-RTX's compiler broke off on this model",
        where=f"{name}: {reason}",
        fix="`mcompile explain LoweringError` lists the ways out",
    )
