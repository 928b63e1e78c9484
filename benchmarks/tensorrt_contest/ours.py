"""Our integers: the plain plan, and the recipe that a build finds, chosen without a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx_ir as ir
import onnxruntime as ort
from quantization_contest.data import Arrays

from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.recipe import Aim, Recipe, Score
from mcompile.quantize.select import select
from mcompile.types import Program, Scheme
from tensorrt_contest.given import Given
from tensorrt_contest.noise import decibel, noise

_FLOOR_DB = 20.0


def plain(given: Given, schemes: Mapping[str, Scheme]) -> dict[str, Program]:
    """The program with the pairs of each scheme's plan, ranges from least to largest."""
    ranges = observe(given.program, given.samples)
    return {
        name: insert(given.program, plan(given.program, ranges, scheme), scheme)
        for name, scheme in schemes.items()
    }


def chosen(given: Given, scheme: Scheme) -> tuple[Program, str]:
    """The program by the best recipe on every third sample, and what that recipe is."""
    recipe = Recipe(given.program, observe(given.program, given.samples), scheme, threads=1)
    fitted = [f for k, f in enumerate(given.calibration) if k % 3 != 2]
    found = select(recipe, fitted, Judge(given.program, given.calibration[2::3]), Aim(_FLOOR_DB))
    return found.program, found.best.how


class Judge:
    """Scores programs by the noise of their outputs; nothing is timed, for no device is here."""

    def __init__(self, program: Program, feeds: Sequence[Arrays]) -> None:
        oracle = Oracle(program, threads=1)
        self._feeds, self._wanted = feeds, [oracle.run(f) for f in feeds]

    def __call__(self, programs: Sequence[Program], _timed: bool = False) -> list[Score]:
        """The score of each."""
        return [
            Score(self._db(AsWritten(ir.to_proto(p.graph).SerializeToString()))) for p in programs
        ]

    def _db(self, run: AsWritten) -> float:
        found = [run(f) for f in self._feeds]
        floats = [n for n, a in self._wanted[0].items() if a.dtype.kind == "f"]
        return min(decibel(noise(found, self._wanted, [n])) for n in floats)


class AsWritten:
    """A graph on the CPU, its pairs left as they are: what it computes on the device's integers."""

    def __init__(self, model: bytes | Path) -> None:
        options = ort.SessionOptions()
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        self._session = ort.InferenceSession(
            str(model) if isinstance(model, Path) else model, options,
            providers=["CPUExecutionProvider"],
        )  # fmt: skip
        self._names = [o.name for o in self._session.get_outputs()]

    def __call__(self, feeds: Arrays) -> Arrays:
        """The outputs by name."""
        return dict(zip(self._names, self._session.run(None, feeds), strict=True))
