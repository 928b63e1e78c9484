"""The way of one model: every tool makes its files, all are judged, counted and timed.

What is known already and still holds is not done again: a file holds while its maker has the same
version (ours: the same sources) and was given the same model, a figure while the files do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from quantization_contest.course import Laid
from quantization_contest.shop import Shop
from zoo.results import Results, Row

from litert_contest.shop import ONNX2TF, OURS, QUANTIZER, TORCH

PRECISIONS = ("fp32", "int8")
_SLOW = 2000
"""Evaluation samples at most."""


@dataclass(frozen=True)
class Effort:
    """Calibration samples, seconds of timing a file, and whether what is known is done again."""

    samples: int
    seconds: float
    again: bool


@dataclass
class Course:
    """One run; `versions` has the tools that there are."""

    shop: Shop
    results: Results
    effort: Effort
    versions: dict[str, str]

    def visit(self, laid: Laid, trained: bool) -> None:
        """Make, judge, count and time everything for one model."""
        print(laid.name, flush=True)
        if not self._lay(laid, trained):
            return
        laid.work.mkdir(parents=True, exist_ok=True)
        job = laid.files | _ports(Path(laid.files["model"]))
        told = self.shop.ask("litert", "refer/litert", job | {"samples": self.effort.samples})
        self.results.add(kind="reference", model=laid.name, trained=trained, **told)
        if "error" in told:
            print(f"  {told['error']}", flush=True)
            return
        job |= {"name": laid.name, "trained": trained}
        for precision in PRECISIONS:
            paths = dict(self._made(laid, job | {"precision": precision}))
            for name, path in paths.items():
                self._judge(laid.name, name, path, job)
            for threads in (1, 2) if self.effort.seconds else ():
                self._time(laid.name, precision, job | {"threads": threads}, paths)

    def _lay(self, laid: Laid, trained: bool) -> bool:
        if Path(laid.files["evaluation"]).exists():
            return True
        where = "litert" if trained else TORCH
        told: Row = {"error": f"laid out with {where}, which is not there"}
        if trained or where in self.versions:
            given = {"name": laid.name, "folder": str(laid.place.parent)}
            told = self.shop.ask(where, f"lay/{where}", given)
        if "error" in told:
            print(f"  {told['error']}", flush=True)
            self.results.add(kind="absent", model=laid.name, why=told["error"])
        return "error" not in told

    def _made(self, laid: Laid, job: Row) -> Iterator[tuple[str, Path]]:
        """The file of every tool that could make one."""
        precision = job["precision"]
        for tool, where, work in (
            (OURS, OURS, f"make/{OURS}"),
            (ONNX2TF, ONNX2TF, f"convert/{ONNX2TF}"),
            *([(TORCH, TORCH, f"convert/{TORCH}")] if precision == "fp32" else
              [(QUANTIZER, TORCH, f"quantize/{TORCH}")]),
        ):  # fmt: skip
            if where not in self.versions:
                continue
            path = laid.work / f"{tool}-{precision}.tflite"
            given = job | {"out": str(path), "float": str(laid.work / f"{TORCH}-fp32.tflite")}
            if "error" not in self._make(f"{tool} {precision}", where, work, given):
                yield f"{tool} {precision}", path

    def _make(self, name: str, where: str, work: str, job: Row) -> Row:
        out = Path(job["out"])
        read = ("model", "calibration") if job["precision"] == "int8" else ("model",)
        key = " ".join([self.versions[where], *(digest(Path(job[k])) for k in read)])
        known = self.results.get("made", job["name"], name)
        holds = known.get("key") == key and (out.exists() or "error" in known)
        if holds and not self.effort.again:
            return known
        out.unlink(missing_ok=True)
        told = self.shop.ask(where, work, job)
        if "error" not in told:
            told |= {"digest": digest(out), "mb": out.stat().st_size / 1e6}
        said = told.get("error") or f"{told['seconds']:.2f} s  {told['mb_on_top']:.0f} MB"
        print(f"  made {name:26} {said[:120]}", flush=True)
        return self.results.add(kind="made", model=job["name"], variant=name, key=key, **told)

    def _judge(self, model: str, name: str, path: Path, job: Row) -> None:
        key = f"{digest(path)} {digest(Path(job['reference']))}"
        if self.results.get("score", model, name).get("key") == key:
            return
        given = job | {"path": str(path), "limit": _SLOW}
        told = self.shop.ask("litert", "score/litert", given)
        counted = self.shop.ask("litert", "count/litert", given)
        said = told.get("error", "")[:120] or f"{told['db']:.2f} dB"
        print(f"  {name:26} {said}  {counted.get('operators')} operators", flush=True)
        self.results.add(kind="score", model=model, variant=name, key=key, **told)
        self.results.add(kind="count", model=model, variant=name, **counted)

    def _time(self, model: str, precision: str, job: Row, paths: dict[str, Path]) -> None:
        kind = f"pace {precision} {job['threads']}"
        able = {n: p for n, p in paths.items()
                if "noise" in self.results.get("score", model, n)}  # fmt: skip
        key = f"{self.effort.seconds} " + " ".join(digest(p) for p in able.values())
        if self.results.get(kind, model).get("key") == key and not self.effort.again:
            return
        given = job | {"seconds": self.effort.seconds,
                       "paths": {n: str(p) for n, p in able.items()}}  # fmt: skip
        told: dict[str, Any] = self.shop.ask("litert", "pace/litert", given)
        said = told.get("error") or "  ".join(f"{n} {t:.3f}" for n, t in told["ms"].items())
        print(f"  {kind}: {said[:160]}", flush=True)
        self.results.add(kind=kind, model=model, key=key, **told)


def _ports(model: Path) -> dict[str, Any]:
    """Names and ranks of the model's inputs in order."""
    ports = onnx.load(model, load_external_data=False).graph.input
    return {"inputs": [p.name for p in ports],
            "ranks": [len(p.type.tensor_type.shape.dim) for p in ports]}  # fmt: skip


def digest(path: Path) -> str:
    """The first figures of the file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
