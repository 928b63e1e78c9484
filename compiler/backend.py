"""What every runtime must be able to do, and nothing more.

A backend is one file (or folder) in `backends/`, holding one class derived from `Backend`. It
writes what its runtime runs and opens it again; it does not calibrate, time, compare or read TOML.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Protocol

from mcompile.coverage import Coverage
from mcompile.profile import Target
from mcompile.record import Layer
from mcompile.types import Artifact, Feeds, File, Precision, Program, Scheme


class Ends(Protocol):
    """The least and the largest finite value that a tensor held."""

    low: float
    high: float


Observe = Callable[[Program], Mapping[str, Ends]]
"""Shows samples to a program and tells the ends of its tensors by name."""


class Executor(ABC):
    """A loaded artifact. Use it as a context manager: leaving frees what the runtime holds.

    One that `stands_in` computes a device's numbers without the device: nobody times it.
    """

    stands_in: ClassVar[bool] = False

    def __enter__(self) -> Executor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def run(self, feeds: Feeds) -> Feeds:
        """The outputs by name for one set of inputs by name."""

    @abstractmethod
    def close(self) -> None:
        """Free what the runtime holds; a second call does nothing."""

    def layers(self, feeds: Feeds, runs: int) -> Sequence[Layer]:
        """Time of each layer, the mean over `runs` runs; empty where the runtime cannot tell."""
        return ()


class Backend(ABC):
    """A runtime that artifacts are written for."""

    name: ClassVar[str]
    title: ClassVar[str]
    precisions: ClassVar[frozenset[Precision]]
    scheme: ClassVar[Scheme]
    opset: ClassVar[int] = 13
    """The operator set that older programs are raised to, as far as the target reads it."""
    second: ClassVar[str] = ""
    """A backend whose compiler is asked, where it is installed, what it thinks of the artifact."""

    def scheme_on(self, target: Target) -> Scheme:
        """The integer arithmetic on that device; the same everywhere where not overridden."""
        return self.scheme

    def holds(self, arch: str) -> bool | None:
        """Whether the accelerator of that name is present here; None where it names a processor.

        A backend with accelerators names them in `Device.arch`, such as "npu-3720".
        """
        return None

    def spelled(self, program: Program, target: Target, observe: Observe | None) -> Program:
        """The program in ops that its integers have kernels for, before scales are set for it.

        The same computation; the same program where not overridden. `observe` tells how far
        masks must reach, None where there are no samples.
        """
        return program

    @abstractmethod
    def lower(self, program: Program, target: Target, out: Path) -> Artifact:
        """Write the files for `target.precision` under `out` and return what was written.

        Quantized programs arrive with their Q/DQ pairs. Raises `LoweringError` naming the node
        where the runtime cannot hold the program.
        """

    @abstractmethod
    def open(self, artifact: Artifact, folder: Path, threads: int | None = None) -> Executor:
        """The artifact in `folder`, ready to run. Raises `ContractError` where it cannot load."""

    def accepts(self, artifact: Artifact, folder: Path, target: Target) -> str:
        """What the runtime says to an artifact of a backend that asks for this second opinion.

        Words for the report, none where it has no opinion. Raises `LoweringError` naming the node
        that it would refuse.
        """
        return ""

    def contents(self, artifact: Artifact, folder: Path) -> str:
        """What the artifact's file is made of, in a few words; empty where that is not said."""
        return ""

    def coverage(self, artifact: Artifact, folder: Path) -> Sequence[Coverage]:
        """What the accelerators that the runtime can hand over to take of the artifact.

        Empty where the runtime has none, or one that takes a whole model or nothing.
        """
        return ()

    def rehearse(
        self, program: Program, target: Target, place: Path, threads: int | None = None
    ) -> Executor:
        """What the artifact of a program would compute, while it is open which one is built.

        It is written under `place` in full where not overridden.
        """
        return self.open(self.lower(program, target, place), place, threads)

    def deployed(self, artifact: Artifact) -> Sequence[File]:
        """The files that a device holds to run the artifact: all where not overridden.

        None of them where the device is yet to make them.
        """
        return artifact.files

    def least_tolerance(self, precision: Precision) -> float:
        """How far a device's outputs may be off at least, as a share of the largest output."""
        return 1e-4

    def kit(
        self,
        artifact: Artifact,
        cases: Sequence[tuple[Feeds, Feeds]],
        threads: int | None = None,
        tolerance: float | None = None,
    ) -> Mapping[str, bytes]:
        """Files that measure the artifact on its device, by their path in its folder.

        `cases` are golden inputs and outputs, which may be off by `tolerance`, as a share of the
        largest output. A file that ends in `.sh` is to be run; it writes
        what `mcompile check --measured` reads. None where the device is measured from Python.
        """
        return {}
