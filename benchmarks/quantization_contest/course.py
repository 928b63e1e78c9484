"""The way of one model: every entrant makes its file, all files are judged, all are timed.

What is known already and still holds is not done again: a file holds while its maker has the same
version (ours: the same sources) and was given the same number of samples; a figure holds while the
file does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from zoo.results import Results, Row

from quantization_contest.entrants import FLOAT, Entrant
from quantization_contest.shop import Job, Shop

PACKAGES = {"onnxruntime": "onnxruntime", "haswell": "onnxruntime", "openvino": "openvino"}
"""What a runtime's servers import."""


@dataclass(frozen=True)
class Effort:
    """What each model is given: calibration samples, and seconds of timing (0: none)."""

    samples: int
    seconds: float
    emulated: int
    """Evaluation samples that are run under emulation; 0 for none."""
    again: bool
    loading: float = 0.0
    """Seconds of timing how OpenVINO compiles each file; 0 for none."""

    def spent(self, kind: str) -> float:
        """Seconds of timing each file's runs, or how it is loaded."""
        return self.loading if kind == "load" else self.seconds


@dataclass(frozen=True)
class Laid:
    """The files of a network, and the folder of what is made of it."""

    place: Path
    work: Path

    @property
    def name(self) -> str:
        """What the network is called."""
        return self.place.name

    @property
    def files(self) -> Job:
        """Paths by what they are."""
        held = {"model": "model.onnx", "evaluation": "evaluation.npz", "source": "calibration.npz"}
        made = {"calibration": "calibration.npz", "reference": "reference.npz"}
        return {**{k: str(self.place / n) for k, n in held.items()},
                **{k: str(self.work / n) for k, n in made.items()}}  # fmt: skip


@dataclass
class Course:
    """One run. `versions` are those of the tools and runtimes that there are."""

    shop: Shop
    results: Results
    effort: Effort
    entrants: list[Entrant]
    versions: dict[str, str]

    def lay(self, laid: Laid) -> bool:
        """Whether the network's files are there, made now where they were not."""
        if Path(laid.files["evaluation"]).exists():
            return True
        told = self.shop.ask("lay", "lay", {"name": laid.name, "folder": str(laid.place.parent)})
        if "error" in told:
            print(f"{laid.name}: {told['error']}", flush=True)
            self.results.add(kind="absent", model=laid.name, why=told["error"])
        return "error" not in told

    def visit(self, laid: Laid) -> None:
        """Make, judge and time everything for one model."""
        print(laid.name, flush=True)
        laid.work.mkdir(parents=True, exist_ok=True)
        self._refer(laid)
        paths = {FLOAT: laid.place / "model.onnx"}
        for entrant in self.entrants:
            if "error" not in self._make(entrant, laid):
                paths[entrant.name] = laid.work / entrant.name / entrant.file
        runtimes = [r for r in PACKAGES if r in self.versions]
        for runtime in runtimes:
            for name, path in paths.items():
                if runtime == "openvino" or path.suffix == ".onnx":
                    self._score(laid, runtime, name, path)
        for runtime in runtimes if self.effort.seconds else ():
            if runtime != "haswell":
                self._time(laid, "pace", runtime, paths)
        if self.effort.loading and "openvino" in runtimes:
            self._time(laid, "load", "openvino", paths)

    def _known(self, key: str, kind: str, model: str, variant: str = "") -> Row:
        row = self.results.get(kind, model, variant)
        return row if row.get("key") == key and not self.effort.again else {}

    def _refer(self, laid: Laid) -> None:
        held = [_digest(Path(laid.files[k])) for k in ("model", "evaluation", "source")]
        key = " ".join([str(self.effort.samples), *held])
        if self._known(key, "reference", laid.name) and (laid.work / "reference.npz").exists():
            return
        told = self.shop.ask("onnxruntime", "refer", laid.files | {"samples": self.effort.samples})
        self.results.add(kind="reference", model=laid.name, key=key, **told)

    def _make(self, entrant: Entrant, laid: Laid) -> Row:
        out = laid.work / entrant.name / entrant.file
        given = " ".join(_digest(Path(laid.files[k])) for k in ("model", "calibration"))
        key = f"{self.versions[entrant.tool]} {given}"
        known = self._known(key, "made", laid.name, entrant.name)
        if known and (out.exists() or "error" in known):
            return known
        out.parent.mkdir(exist_ok=True)
        out.unlink(missing_ok=True)
        job = laid.files | entrant.options | {"out": str(out)}
        told = self.shop.ask(entrant.tool, entrant.tool, job)
        if "error" not in told:
            told["digest"] = _digest(out)
            told["mb"] = sum(p.stat().st_size for p in out.parent.iterdir()) / 1e6
        said = told.get("error") or f"{told['cpu']:.1f} s  {told['peak_mb']:.0f} MB"
        print(f"  made {entrant.name:36} {said[:120]}", flush=True)
        return self.results.add(
            kind="made", model=laid.name, variant=entrant.name, key=key, given=given, **told
        )

    def _score(self, laid: Laid, runtime: str, name: str, path: Path) -> None:
        limit = self.effort.emulated if runtime == "haswell" else None
        key = f"{_digest(path)} {limit} {self.versions[runtime]}"
        if self._known(key, runtime, laid.name, name):
            return
        job = laid.files | {"runtime": runtime, "limit": limit, "path": str(path)}
        told = self.shop.ask(runtime, f"score/{PACKAGES[runtime]}", job)
        said = told.get("error", "")[:120] or f"{told['db']:.2f} dB"
        top1 = f"  {told['top1']:.2f} %" if "top1" in told else ""
        print(f"  {runtime} {name:36} {said}{top1}", flush=True)
        self.results.add(
            kind=runtime, model=laid.name, variant=name, key=key, digest=_digest(path), **told
        )

    def _time(self, laid: Laid, kind: str, runtime: str, paths: dict[str, Path]) -> None:
        able = {n: p for n, p in paths.items()
                if "noise" in self.results.get(runtime, laid.name, n)}  # fmt: skip
        key = f"{self.versions[runtime]} " + "".join(_digest(p)[:4] for p in able.values())
        if "ms" in self._known(key, f"{runtime} {kind}", laid.name):
            return  # a busy core is tried again
        job = laid.files | {"runtime": runtime, "seconds": self.effort.spent(kind),
                            "paths": {n: str(p) for n, p in able.items()}}  # fmt: skip
        digests = {n: _digest(p) for n, p in able.items()}
        told = self.shop.ask(runtime, f"{kind}/{PACKAGES[runtime]}", job)
        said = told.get("error") or f"{len(told['ms'])} files"
        print(f"  {kind} in {runtime}: {said[:120]}", flush=True)
        self.results.add(
            kind=f"{runtime} {kind}", model=laid.name, key=key, digests=digests, **told
        )


def _digest(path: Path) -> str:
    seen = hashlib.sha256(path.read_bytes())
    weights = path.with_suffix(".bin")
    if path.suffix == ".xml" and weights.exists():
        seen.update(weights.read_bytes())
    return seen.hexdigest()[:12]
