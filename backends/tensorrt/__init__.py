"""TensorRT on NVIDIA GPUs: an engine where the GPU is here, and a kit that finishes itself.

An engine is bound to its GPU and its TensorRT and cannot be built elsewhere. So the artifact is the
folder `engine-kit`, one graph for every release from 8 to 11, which becomes an engine on the device
with one command; where the device is this machine, the engine is built at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from packaging.specifiers import SpecifierSet

from mcompile.backend import Backend, Executor
from mcompile.backends.tensorrt.cases import packed
from mcompile.backends.tensorrt.demands import narrowed
from mcompile.backends.tensorrt.kit import (
    ENGINE,
    FACTS,
    FOLDER,
    GOLDEN,
    HALF_STEPS,
    MODEL,
    RANGES,
    REAL,
    SCRIPT,
    TABLE,
    Kit,
    facts,
)
from mcompile.backends.tensorrt.model_file import write_model
from mcompile.backends.tensorrt.needs import needs
from mcompile.backends.tensorrt.pairs import STORED, has_pairs, has_real_weights
from mcompile.backends.tensorrt.pins import floor, plain, told
from mcompile.backends.tensorrt.presence import finisher
from mcompile.backends.tensorrt.profiles import profiles
from mcompile.backends.tensorrt.ranges import calibration_table, ranges_json
from mcompile.backends.tensorrt.real import write_real
from mcompile.backends.tensorrt.script import script
from mcompile.backends.tensorrt.words import ELEVEN, written
from mcompile.errors import ContractError, LoweringError
from mcompile.files import hashed
from mcompile.graph import clone, opset
from mcompile.lowering import fold_biases
from mcompile.plans import instructions
from mcompile.profile import Target
from mcompile.schemes.tensorrt import TENSORRT_8, TENSORRT_10
from mcompile.standin import StandIn, rehearsed
from mcompile.types import Artifact, Contract, Feeds, File, Precision, Program, Scheme

_RUNTIME = "tensorrt"


class Tensorrt(Backend):
    """Writes an engine kit; runs its engine on a GPU, or computes its numbers without one."""

    name: ClassVar[str] = "tensorrt"
    title: ClassVar[str] = "TensorRT (NVIDIA GPU, Jetson)"
    precisions: ClassVar[frozenset[Precision]] = frozenset(
        {Precision.FP32, Precision.FP16, Precision.INT8}
    )
    scheme: ClassVar[Scheme] = TENSORRT_8
    second: ClassVar[str] = "tensorrt_rtx"

    def scheme_on(self, target: Target) -> Scheme:
        """Real weights behind QuantizeLinear where a release below 10 may read the graph."""
        newer = floor(plain(target.runtime.versions)) >= STORED
        return TENSORRT_10 if newer else TENSORRT_8

    def lower(self, program: Program, target: Target, out: Path) -> Artifact:
        """Write `engine-kit/` under `out`, with `model.engine` in it where the device is here.

        Raises `LoweringError` where no release that the profile admits reads the program, and for
        Q/DQ pairs on a device that has no INT8.
        """
        _demand_integers(program, target)
        program = clone(program)
        fold_biases(program)  # which other tools store as int32 behind a pair, and no release reads
        versions, because = narrowed(program, plain(target.runtime.versions))
        folder = out / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        _write_graphs(program, target, versions, folder)
        bounds, needed = profiles(program), needs(program, target.device, folder)
        _write_rest(Kit(program, target, versions, needed, bounds), because, folder)
        names = [MODEL, *sorted({p.name for p in folder.iterdir()} - {MODEL})]
        device = target.device
        return Artifact(
            backend=self.name,
            precision=target.precision,
            files=hashed(out, [f"{FOLDER}/{name}" for name in names]),
            inputs=program.inputs,
            outputs=program.outputs,
            contract=Contract(
                _RUNTIME, told(versions), device.arch, instructions(device), opset(program)
            ),
            tools={"onnx": version("onnx"), "onnx-ir": version("onnx-ir")},
        )

    def open(self, artifact: Artifact, folder: Path, threads: int | None = None) -> Executor:
        """The engine where it was built for this machine, else a stand-in for its arithmetic."""
        _demand_whole(artifact, folder)
        engine, here = folder / FOLDER / ENGINE, finisher()
        if engine.is_file() and here is not None and here.fits(engine.parent):
            running: Executor = here.Native(engine, artifact.outputs)
            return running
        return StandIn(folder / FOLDER / MODEL, [p.name for p in artifact.outputs], threads)

    def rehearse(
        self, program: Program, target: Target, place: Path, threads: int | None = None
    ) -> Executor:
        """The graph on the CPU where no GPU is here: a kit would be the same but for its words."""
        _demand_integers(program, target)
        if finisher() is not None:
            return super().rehearse(program, target, place, threads)
        return rehearsed(program, place, threads)

    def deployed(self, artifact: Artifact) -> Sequence[File]:
        """The engine; nothing where the device is yet to build it."""
        return tuple(f for f in artifact.files if f.path == f"{FOLDER}/{ENGINE}")

    def contents(self, artifact: Artifact, folder: Path) -> str:
        """How many layers are to compute on integers and halves, and the releases that may."""
        told = json.loads((folder / FOLDER / FACTS).read_text(encoding="utf-8"))
        kinds = {"INT8": told["integer_layers"], "float16": told["half_layers"]}
        layers = [f"{n} layer{'s' * (n != 1)} in {kind}" for kind, n in kinds.items() if n]
        return ", ".join([*layers, f"for TensorRT {artifact.contract.version}"])

    def least_tolerance(self, precision: Precision) -> float:
        """Four steps of float16 wherever it is used.

        The stand-in adds halves in float32, and kernels of a GPU may add them in float16.
        """
        least = super().least_tolerance(precision)
        return least if precision is Precision.FP32 else max(least, HALF_STEPS)

    def kit(
        self,
        artifact: Artifact,  # noqa: ARG002  the cases are the same for every one
        cases: Sequence[tuple[Feeds, Feeds]],
        threads: int | None = None,  # noqa: ARG002  an engine has none
        tolerance: float | None = None,
    ) -> Mapping[str, bytes]:
        """The golden cases that the engine's outputs are compared with on the device."""
        return {f"{FOLDER}/{GOLDEN}": packed(cases, tolerance)}


def _write_graphs(program: Program, target: Target, versions: SpecifierSet, folder: Path) -> None:
    """The graph; of one with pairs its ranges and, where calibrators exist, the one without."""
    shared = has_real_weights(program)  # by the graph with pairs and the one without
    write_model(program, target.runtime, folder / MODEL, apart=shared)
    if has_pairs(program):
        (folder / RANGES).write_bytes(ranges_json(program))
        if floor(versions) < ELEVEN:
            (folder / TABLE).write_bytes(calibration_table(program))
            write_real(folder / MODEL, folder / REAL)


def _write_rest(kit: Kit, because: str, folder: Path) -> None:
    """What is said of the graphs, the script that builds them; the engine where that is here."""
    implicit = (folder / TABLE).is_file()
    for name, text in written(kit, because, implicit=implicit).items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / SCRIPT).write_bytes(script())
    names = sorted(p.name for p in folder.iterdir())
    (folder / FACTS).write_bytes(facts(kit, hashed(folder, names)))
    here = finisher()
    if here is not None and here.fits(folder):
        here.finish(folder)


def _demand_integers(program: Program, target: Target) -> None:
    """Refuse pairs where the device has no INT8: its TensorRT refuses the whole network."""
    legal = target.legality.get(Precision.INT8)
    if legal is not None and legal.status != "native" and has_pairs(program):
        node = next(n for n in program.graph.graph.all_nodes() if n.op_type == "QuantizeLinear")
        raise LoweringError(
            f"{target.name} has no INT8, and TensorRT refuses Q/DQ pairs there: {legal.because}",
            where=f"node {node.name or node.outputs[0].name} ({node.op_type})",
            fix="the model as it was before it was quantized: it is built in "
            f"{(legal.falls_back_to or Precision.FP16).value}",
        )


def _demand_whole(artifact: Artifact, folder: Path) -> None:
    """Return where each file is the one that was written: the device checks them too."""
    for file in artifact.files:
        place = folder / file.path
        if not place.is_file():
            raise ContractError(
                f"{file.path} is missing", where=str(folder), fix="build the artifact again"
            )
        if hashed(folder, [file.path]) != (file,):
            raise ContractError(
                f"{file.path} is damaged", where=str(folder), fix="build the artifact again"
            )
