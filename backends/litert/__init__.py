"""LiteRT (TensorFlow Lite): `model.tflite`, written straight from our own graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mcompile import guide
from mcompile.backend import Backend, Executor, Observe
from mcompile.backends.litert.coverage import coverage
from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.executor import Interpreted
from mcompile.backends.litert.flatbuffer import Interface, packed
from mcompile.backends.litert.foreign import adopted
from mcompile.backends.litert.kit import kit
from mcompile.backends.litert.listing import counted, listed
from mcompile.backends.litert.metadata import ENTRY, entry, files, packed_with
from mcompile.backends.litert.proof import proven
from mcompile.backends.litert.releases import demand, floor_of, newest, package_for
from mcompile.backends.litert.sharing import unshare
from mcompile.backends.litert.sizes import bound, offered
from mcompile.backends.litert.spelling import spelled
from mcompile.backends.litert.taken import xnnpack
from mcompile.backends.litert.walk import Walk
from mcompile.coverage import Coverage
from mcompile.errors import ContractError
from mcompile.files import hashed
from mcompile.graph import opset
from mcompile.profile import Target
from mcompile.schemes.litert import (
    LITERT_INT8_BY_CHANNEL,
    LITERT_INT8_THROUGHOUT,
    LITERT_INT16X8_BY_CHANNEL,
)
from mcompile.types import Artifact, Contract, Feeds, Precision, Program, Scheme

_FILE = "model.tflite"
_ON_INTEGERS = {Precision.INT8, Precision.INT16X8}
_PACKAGE = "ai-edge-litert"


class Litert(Backend):
    """Writes a flatbuffer of builtin operators and runs it on the CPU."""

    name: ClassVar[str] = "litert"
    title: ClassVar[str] = "LiteRT (TensorFlow Lite)"
    precisions: ClassVar[frozenset[Precision]] = frozenset(
        {
            Precision.FP32,
            Precision.FP16,
            Precision.INT8,
            Precision.INT8_DYNAMIC,
            Precision.INT16X8,
        }
    )
    scheme: ClassVar[Scheme] = LITERT_INT8_BY_CHANNEL
    opset: ClassVar[int] = 20  # Gelu is an op since, and has a kernel

    def scheme_on(self, target: Target) -> Scheme:
        """The integers of the precision that is asked for: int16 activations where it is 16x8."""
        if target.precision is Precision.INT16X8:
            return LITERT_INT16X8_BY_CHANNEL
        return LITERT_INT8_THROUGHOUT if target.runtime.ports == "int8" else self.scheme

    def spelled(self, program: Program, target: Target, observe: Observe | None) -> Program:
        """Norms and the like in ops of integers, where nothing may stay float.

        Elsewhere they stay whole, and float: that is more accurate, and as fast.
        """
        return spelled(program, observe) if target.runtime.ports == "int8" else program

    def lower(self, program: Program, target: Target, out: Path) -> Artifact:
        """Write `model.tflite` under `out`, once the runtime has read it."""
        with offered(program):
            data, release = _written(program, target)
        (out / _FILE).write_bytes(data)
        asked = ",".join(filter(None, (target.runtime.versions, f">={package_for(release)}")))
        pins = str(SpecifierSet(asked))  # each bound once
        device = target.device
        return Artifact(
            backend=self.name,
            precision=target.precision,
            files=hashed(out, [_FILE]),
            inputs=program.inputs,
            outputs=program.outputs,
            contract=Contract(_PACKAGE, pins, device.arch, device.isa, opset(program)),
            tools={_PACKAGE: version(_PACKAGE)},
        )

    def open(self, artifact: Artifact, folder: Path, threads: int | None = None) -> Executor:
        """An interpreter on the CPU."""
        try:
            data = (folder / artifact.files[0].path).read_bytes()
        except OSError as error:
            raise ContractError("cannot be read", where=artifact.files[0].path) from error
        return Interpreted(artifact, data, threads)

    def contents(self, artifact: Artifact, folder: Path) -> str:
        """How many operators there are, how many compute on floats or move data only."""
        data = (folder / artifact.files[0].path).read_bytes()
        return counted(listed(data), on_integers=artifact.precision in _ON_INTEGERS)

    def coverage(self, artifact: Artifact, folder: Path) -> Sequence[Coverage]:
        """What XNNPACK took here, and what other delegates would by their documents."""
        data = (folder / artifact.files[0].path).read_bytes()
        ops = [op for op in listed(data) if not op.unpacks]
        return (xnnpack(data, ops), *coverage(ops))

    def kit(
        self,
        artifact: Artifact,
        cases: Sequence[tuple[Feeds, Feeds]],
        threads: int | None = None,
        tolerance: float | None = None,  # noqa: ARG002  whoever reads its outputs compares them
    ) -> Mapping[str, bytes]:
        """A script that runs the file on an Android device with `benchmark_model`."""
        return kit(artifact, cases, threads)


def _written(program: Program, target: Target) -> tuple[bytes, Version]:
    """The file, and the first release of TensorFlow Lite that reads it."""
    fixed, stand_in = bound(program)
    adopted(fixed)
    draft, floor = Draft(stand_in), floor_of(target.runtime)
    coded = target.runtime.ports == "int8"
    inputs, outputs = Walk(fixed, draft, coded_ports=coded).write()
    unshare(draft, [tensor for _, tensor in outputs])
    for op in draft.ops:
        demand(op, floor, op.origin or program.name)
    release = newest(draft)
    told = guide.of(program)
    # No `reduced_precision_support`: XNNPACK, alone of the delegates, reads it and then computes in
    # halves on processors that can, which is another arithmetic than the one measured here.
    metadata = {
        "min_runtime_version": str(release).encode().ljust(16, b"\0"),
        ENTRY: entry(program.name, program.inputs, program.outputs, told),
    }
    data = packed(draft, Interface(inputs, outputs, metadata), program.name)
    data = packed_with(data, files(told))
    proven(data, draft, program.name)
    return data, release
