"""TensorRT-RTX: an engine that is finished just in time, on the device, by NVIDIA's driver.

It is compiled for the GPU's compute capability on a machine without one, and holds no kernels tuned
on the GPU: those are made when it is loaded there. It is no plan of TensorRT, and TensorRT reads it
not. An engine runs with the release that it was made by, and no other (NVIDIA, "TensorRT-RTX engine
compatibility"), on the platform that it was made on.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from packaging.specifiers import SpecifierSet

from mcompile import plans
from mcompile.backend import Backend, Executor
from mcompile.backends.tensorrt_rtx import builder, capabilities, cuda
from mcompile.backends.tensorrt_rtx.compilation import LARGEST_BATCH, Compiled, compiled
from mcompile.backends.tensorrt_rtx.demands import demand
from mcompile.backends.tensorrt_rtx.execution import Loaded
from mcompile.backends.tensorrt_rtx.layers import described
from mcompile.backends.tensorrt_rtx.opinion import opinion
from mcompile.errors import ContractError, TargetError
from mcompile.files import hashed
from mcompile.graph import clone, load, name_of, opset, save
from mcompile.profile import Target
from mcompile.schemes.tensorrt import TENSORRT_10
from mcompile.standin import StandIn, rehearsed
from mcompile.types import Artifact, Contract, File, Precision, Program, Scheme

_ENGINE, _MODEL, _TOLD = "model.engine", "model.onnx", "engine.json"
_PACKAGE = "tensorrt_rtx"
_ARCHES = {"AMD64": "x86_64", "arm64": "aarch64"}


_SCHEME = replace(TENSORRT_10, rest="float16")
_ON_TURING = replace(_SCHEME, weighted=_SCHEME.weighted - {"Gemm", "MatMul"})
"""There its convolutions make floats of the integers before they multiply, and products of float32
matrices, which it takes those between pairs for, it does not compute at all (NVIDIA, "TensorRT-RTX
support matrix"; run: the layers that release 1.7 lists)."""


class TensorrtRtx(Backend):
    """Writes `model.engine`, `model.onnx` that it was made of, and `engine.json` on its layers."""

    name: ClassVar[str] = "tensorrt_rtx"
    title: ClassVar[str] = "TensorRT-RTX (NVIDIA GPUs, compiled just in time on the device)"
    precisions: ClassVar[frozenset[Precision]] = frozenset(
        {Precision.FP32, Precision.FP16, Precision.INT8}
    )
    scheme: ClassVar[Scheme] = _SCHEME

    def scheme_on(self, target: Target) -> Scheme:
        """Integers in convolutions and products of matrices; in convolutions alone on Turing.

        Those it only stores: `contents` tells of what it multiplies.
        """
        on_turing = target.device.compute_capability == capabilities.TURING
        return _ON_TURING if on_turing else self.scheme

    def lower(self, program: Program, target: Target, out: Path) -> Artifact:
        """Write the engine for the target's GPU under `out`, and the graph beside it.

        For every GPU from compute capability 8.0 on where the target names none. The graph is what
        stands in for the engine where there is no such GPU. Raises `TargetError` for a GPU that
        there is no compiler for.
        """
        wanted = capabilities.named(target)
        _demand_platform(target)
        demand(program)
        built = _labelled(program)
        save(built, out / _MODEL)
        found = compiled(out / _MODEL, wanted, built, out / _ENGINE)
        _tell(out / _TOLD, wanted, found)
        models = sorted(p.name for p in out.glob(f"{_MODEL}*"))
        return Artifact(
            backend=self.name,
            precision=target.precision,
            files=hashed(out, [_ENGINE, *models, _TOLD]),
            inputs=built.inputs,
            outputs=built.outputs,
            contract=_contract(target, opset(built)),
            tools={_PACKAGE: builder.version()},
        )

    def open(self, artifact: Artifact, folder: Path, threads: int | None = None) -> Executor:
        """The engine on a GPU that it was made for, else its graph in place of it on the CPU."""
        _demand_whole(artifact, folder)
        plan = plans.demand(folder / _ENGINE, artifact.contract)
        gpu = cuda.first(cuda.library())
        if gpu is not None and gpu.capability() in plan.capabilities:
            return Loaded(artifact, (folder / _ENGINE).read_bytes(), gpu)
        if gpu is not None:
            gpu.close()
        return StandIn(folder / _MODEL, [p.name for p in artifact.outputs], threads)

    def rehearse(
        self,
        program: Program,
        target: Target,  # noqa: ARG002  the graph is the same for all of them
        place: Path,
        threads: int | None = None,
    ) -> Executor:
        """The graph on the CPU: its numbers are the engine's, which takes seconds to build."""
        return rehearsed(program, place, threads)

    def deployed(self, artifact: Artifact) -> Sequence[File]:
        """The engine alone: the graph that it was made of stays here."""
        return artifact.files[:1]

    def contents(self, artifact: Artifact, folder: Path) -> str:
        """What the engine's layers multiply, as the compiler listed them."""
        told = (folder / artifact.files[-1].path).read_bytes()
        return described(json.loads(told)["products"])

    def accepts(self, artifact: Artifact, folder: Path, target: Target) -> str:
        """What NVIDIA's compiler says to the graph that another backend has written (`opinion`).

        Raises `LoweringError` naming the node that it refuses.
        """
        path = _graph(artifact, folder)
        source = load(path, path.stem)
        demand(source)
        return opinion(path, source, target.device.compute_capability)


def _graph(artifact: Artifact, folder: Path) -> Path:
    """The ONNX file that the artifact is built from: the first that it lists."""
    found = next((f.path for f in artifact.files if f.path.endswith(".onnx")), None)
    if found is None:
        raise ContractError("the artifact holds no ONNX file", where=str(folder))
    return folder / found


def _labelled(program: Program) -> Program:
    """The program with a name for every node, so that the compiler can name the one it refuses."""
    built = clone(program)
    nodes = list(built.graph.graph.all_nodes())
    taken = {node.name for node in nodes}
    for node in nodes:
        label = name_of(node.outputs[0])
        if not node.name and label not in taken:
            node.name = label
            taken.add(label)
    return built


def _demand_platform(target: Target) -> None:
    here = _ARCHES.get(platform.machine(), platform.machine())
    if target.device.arch != here:
        raise TargetError(
            f"an engine runs on the platform that it is made on: {here}, not {target.device.arch}",
            where=f"target {target.name}",
            fix=f"build on a machine of {target.device.arch}, or --backend tensorrt",
        )


def _demand_whole(artifact: Artifact, folder: Path) -> None:
    """Raise `ContractError` for a file that is gone, or of another size than it was."""
    for file in artifact.files:
        try:
            size = (folder / file.path).stat().st_size
        except OSError as error:
            raise ContractError("cannot be read", where=file.path) from error
        if size != file.bytes:
            told = f"{size} bytes in place of {file.bytes}"
            raise ContractError(told, where=file.path, fix="build it again, or copy it again")


def _tell(path: Path, wanted: Sequence[str], found: Compiled) -> None:
    told = {
        "release": builder.version(),
        "compute_capabilities": list(wanted),
        "products": dict(found.products),
        "largest_batch": LARGEST_BATCH,
    }
    path.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _contract(target: Target, opset_used: int) -> Contract:
    device = target.device
    asked = ",".join(filter(None, (target.runtime.versions, f"=={builder.version()}")))
    versions = str(SpecifierSet(asked))
    return Contract(_PACKAGE, versions, device.arch, plans.instructions(device), opset_used)
