"""NVIDIA's tools, each in the environment that has it, as one process a task."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_LIMIT_SECONDS = 1800.0
_VERSION = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"


@dataclass(frozen=True)
class Vendor:
    """Interpreters with Model Optimizer, and with tensorrt_rtx; the latter may be empty."""

    modelopt: str
    rtx: str

    def versions(self) -> str:
        """Whose versions the figures are of."""
        told = [f"mcompile {metadata.version('mcompile')}"]
        told.append(f"nvidia-modelopt {_run(self.modelopt, '-c', _VERSION, 'nvidia-modelopt')}")
        if self.rtx:
            told.append(f"tensorrt_rtx {_run(self.rtx, '-c', _VERSION, 'tensorrt_rtx')}")
        return ", ".join(told)

    def quantize(self, folder: Path, method: str) -> Path:
        """The folder's float model as Model Optimizer quantizes it, calibrated by that method."""
        out = folder / f"modelopt-{method}.onnx"
        given = [folder / "float.onnx", folder / "calibration.npz", method, out]
        _run(self.modelopt, _HERE / "modelopt_side.py", *given)
        return out

    def compile(self, files: Sequence[Path]) -> dict[str, dict[str, Any]]:
        """What tensorrt_rtx made of each file, by the file's stem; empty where it is not here."""
        if not self.rtx:
            return {}
        told = _run(self.rtx, _HERE / "rtx_side.py", *files).splitlines()
        return {f.stem: json.loads(t) for f, t in zip(files, told, strict=True)}


def _run(python: str, *words: object) -> str:
    """What the process printed; raises `RuntimeError` with what it complained of."""
    done = subprocess.run(
        [python, *map(str, words)], capture_output=True, text=True, timeout=_LIMIT_SECONDS,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{Path(str(words[0])).name}: {done.stderr.strip()[-400:]}")
    return done.stdout.strip()
