"""Engines on the GPU of this machine, by the parts that finish a kit on a device.

A timing cache is kept for each kind of GPU and release of TensorRT, in the user's cache folder
(`$XDG_CACHE_HOME/mcompile/tensorrt`, else `~/.cache/mcompile/tensorrt`) under the SHA-256 of both:
a build reads it and adds to it, and nothing else is kept outside of the artifact.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tensorrt as trt

from mcompile.backend import Executor
from mcompile.backends.tensorrt.device.budget import Memory, check_disk, workspace_mb
from mcompile.backends.tensorrt.device.builder import Wish, build
from mcompile.backends.tensorrt.device.cuda import Cuda, open_cuda
from mcompile.backends.tensorrt.device.engine import Engine
from mcompile.backends.tensorrt.device.faults import CONTRACT, MISSING, KitError
from mcompile.backends.tensorrt.device.files import write_whole
from mcompile.backends.tensorrt.device.kit import Kit, read_kit
from mcompile.backends.tensorrt.device.log import recorder
from mcompile.backends.tensorrt.device.machine import disk_mb
from mcompile.backends.tensorrt.device.plan import check_plan
from mcompile.backends.tensorrt.device.sdk import check_device
from mcompile.backends.tensorrt.device.timing_cache import keep_timing, read_timing
from mcompile.backends.tensorrt.kit import ENGINE
from mcompile.errors import BackendMissing, CompileError, ContractError, LoweringError
from mcompile.types import Feeds, Port

_Given = TypeVar("_Given")
_KINDS: dict[int, type[CompileError]] = {CONTRACT: ContractError, MISSING: BackendMissing}


@cache
def _gpu() -> Cuda:
    """GPU 0, opened once: its context stays current for as long as the process lives."""
    return open_cuda()


def fits(folder: Path) -> bool:
    """Whether the GPU and the TensorRT here are those that the kit in `folder` is for."""
    try:
        check_device(read_kit(str(folder)), trt.__version__, _gpu())
    except KitError:
        return False
    return True


def finish(folder: Path) -> Path:
    """Build the engine of the kit in `folder` there, and return its path.

    Raises `LoweringError` where TensorRT refuses the graph, naming its node, and `ContractError`
    where this machine has not what building needs.
    """
    return _spoken(lambda: _finish(folder))


def _finish(folder: Path) -> Path:
    kit, cuda, log = read_kit(str(folder)), _gpu(), recorder(trt)
    check_device(kit, trt.__version__, cuda)
    check_disk(kit, str(folder), disk_mb(str(folder)))
    free, total = cuda.memory()
    memory = Memory(free / 1e6, total / 1e6, cuda.name())
    kept = _timing(cuda)
    wish = Wish(workspace_mb(kit, None, memory), timing=read_timing(str(kept)))
    built = build(trt, kit, wish, log)
    kept.parent.mkdir(parents=True, exist_ok=True)
    keep_timing(str(kept), built.timing)
    write_whole(str(folder / ENGINE), built.plan)
    _demand_integers(kit, cuda, built.plan, log)
    return folder / ENGINE


def _demand_integers(kit: Kit, cuda: Cuda, plan: bytes, log: Any) -> None:
    """Refuse an INT8 engine none of whose layers computes in INT8, where TensorRT tells."""
    if not kit.integer_layers:
        return
    engine = Engine(trt, cuda, plan, log)
    layers = engine.layers()
    engine.close()
    if layers is not None and not layers.int8 and not layers.opaque:
        raise LoweringError(
            "INT8 was asked for, and no layer of the engine computes in it",
            where=cuda.name(),
            fix="--precision fp16",
        )


def _timing(cuda: Cuda) -> Path:
    """Where the times of kernels on this kind of GPU, by this TensorRT, are kept."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kind = json.dumps([cuda.compute_capability(), trt.__version__])
    name = hashlib.sha256(kind.encode()).hexdigest()
    return home / "mcompile" / "tensorrt" / f"{name}.timing"


class Native(Executor):
    """An engine on GPU 0. Raises `ContractError` where it cannot be loaded here."""

    def __init__(self, path: Path, outputs: Sequence[Port]) -> None:
        self._types = {port.name: np.dtype(port.dtype) for port in outputs}
        self._engine = _spoken(lambda: _loaded(path))

    def run(self, feeds: Feeds) -> Feeds:
        """The outputs by name. Raises `ContractError` for inputs that do not fit."""
        found = _spoken(lambda: self._engine.run(dict(feeds)))
        # int64 ports are int32 to TensorRT before 10.
        return {name: found[name].astype(kind, copy=False) for name, kind in self._types.items()}

    def close(self) -> None:
        """Give the GPU's memory back."""
        self._engine.close()


def _loaded(path: Path) -> Engine:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KitError(CONTRACT, "the engine cannot be read", str(path)) from error
    check_plan(data, trt.__version__, str(path))
    return Engine(trt, _gpu(), data, recorder(trt))


def _spoken(work: Callable[[], _Given]) -> _Given:
    """What `work` gives, its errors in the compiler's own classes."""
    try:
        return work()
    except KitError as error:
        kind = _KINDS.get(error.code, LoweringError)
        raise kind(error.what, where=error.where, fix=error.fix) from error
