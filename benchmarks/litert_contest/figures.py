"""What the rows of a run say of one file, and of ours beside those of the others."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.results import Results, Row

from litert_contest.shop import ONNX2TF, OURS, QUANTIZER, TORCH

OTHERS = {"fp32": (TORCH, ONNX2TF), "int8": (QUANTIZER, ONNX2TF)}
"""Who makes a file of that precision beside ours."""
_RIGHT = {"fp32": 1e-3, "int8": 1.0}
"""A file with more noise than that computes something else; its speed tells nothing."""


@dataclass(frozen=True)
class View:
    """The rows of a run."""

    results: Results

    def models(self, trained: bool | None = None) -> list[str]:
        """In the order in which they came; of the one kind alone if that is asked."""
        rows = self.results.all("reference")
        return [r["model"] for r in rows if trained is None or r["trained"] is trained]

    def row(self, kind: str, model: str, tool: str, precision: str) -> Row:
        """The row of that tool's file; empty where none was made."""
        name = f"{tool} {precision}"
        made = self.results.get("made", model, name)
        if kind == "made":
            return made
        found = self.results.get(kind, model, name)
        return found if "digest" in made and self._is_of(found, made) else {}

    def noise(self, model: str, tool: str, precision: str) -> float | None:
        """Power of the error of the file's outputs, as a share of theirs."""
        return self.row("score", model, tool, precision).get("noise")

    def is_right(self, model: str, tool: str, precision: str) -> bool:
        """Whether the file computes the model, by and large."""
        noise = self.noise(model, tool, precision)
        return noise is not None and noise <= _RIGHT[precision]

    def ms(self, model: str, tool: str, precision: str, threads: int) -> float | None:
        """Latency of the file; None for one that computes something else."""
        told = self.results.get(f"pace {precision} {threads}", model)
        found = told.get("ms", {}).get(f"{tool} {precision}")
        return found if self.is_right(model, tool, precision) else None

    def clock(self, model: str, precision: str, threads: int) -> str:
        """By which clock it was."""
        found: str = self.results.get(f"pace {precision} {threads}", model).get("clock", "")
        return found

    def best_ms(self, model: str, precision: str, threads: int) -> float | None:
        """Latency of the fastest of the others."""
        found = [self.ms(model, t, precision, threads) for t in OTHERS[precision]]
        return min((ms for ms in found if ms is not None), default=None)

    def slower(self, model: str, precision: str, threads: int) -> float | None:
        """Latency of ours / of the fastest of the others."""
        return _share(
            self.ms(model, OURS, precision, threads), self.best_ms(model, precision, threads)
        )

    def noisier(self, model: str) -> float | None:
        """Noise of our INT8 / of ai-edge-quantizer's."""
        return _share(self.noise(model, OURS, "int8"), self.noise(model, QUANTIZER, "int8"))

    def cheaper(self, model: str) -> float | None:
        """CPU seconds of litert-torch's conversion / of our lowering, of the float file."""
        ours, theirs = (self.row("made", model, t, "fp32").get("seconds") for t in (OURS, TORCH))
        return _share(theirs, max(ours, 0.01) if ours is not None else None)

    @staticmethod
    def _is_of(found: Row, made: Row) -> bool:
        return "error" in found or str(found.get("key", "")).startswith(made["digest"])


def _share(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else one / other
