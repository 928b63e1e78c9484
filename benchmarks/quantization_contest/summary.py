"""Tables of a run: every row of every model, and what the project is held to."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from zoo.results import Results, Row

from quantization_contest.entrants import DEFAULT, FLOAT, OURS, UNTRAINED

_HEAD = ("", "ORT dB", "OpenVINO dB", "AVX2 dB", "top-1 %", "drop pp", "AVX2 drop", "ORT speed",
         "OpenVINO speed", "MB", "CPU s", "peak MB")  # fmt: skip


@dataclass(frozen=True)
class View:
    """The rows of a run; `vnni` says whether it was on a processor that does not saturate."""

    results: Results
    vnni: bool

    def models(self) -> list[str]:
        """In the order in which they came."""
        return [row["model"] for row in self.results.all("reference")]

    def ours(self, runtime: str) -> str:
        """The entrant of ours that is meant for what the runtime ran on."""
        return OURS["vnni" if self.vnni and runtime != "haswell" else "avx2"]

    def made(self, model: str, name: str) -> Row:
        """The entrant's row, if it was given the model and samples that ours was given."""
        own = self.results.get("made", model, OURS["vnni"]) or self.results.get(
            "made", model, OURS["avx2"]
        )
        row = self.results.get("made", model, name)
        return row if row.get("given") == own.get("given") and own else {}

    def scored(self, runtime: str, model: str, name: str) -> Row:
        """The figures of the file that the entrant made last; a float model is always the same."""
        row = self.results.get(runtime, model, name)
        return row if name == FLOAT or self._is_of(row.get("digest"), model, name) else {}

    def _is_of(self, digest: str | None, model: str, name: str) -> bool:
        return digest is not None and digest == self.made(model, name).get("digest")

    def speed(self, runtime: str, model: str, name: str) -> float | None:
        """How many times as fast as the float model in the same runtime."""
        taken, other = (self.median(f"{runtime} pace", model, n) for n in (FLOAT, name))
        return None if taken is None or other is None else taken / other

    def median(self, kind: str, model: str, name: str) -> float | None:
        """Milliseconds of the file that the entrant made last, where they were measured."""
        return self._of_file(kind, "ms", model, name)

    def spent(self, kind: str, model: str, name: str) -> float | None:
        """The same; the CPU's where the core was too busy for another clock."""
        clock = "ms" if "ms" in self.results.get(kind, model) else "cpu_ms"
        return self._of_file(kind, clock, model, name)

    def _of_file(self, kind: str, clock: str, model: str, name: str) -> float | None:
        row = self.results.get(kind, model)
        found = row.get("digests", {}).get(name)
        same = name == FLOAT or self._is_of(found, model, name)
        return row.get(clock, {}).get(name) if same else None

    def vendors(self, runtime: str, model: str) -> dict[str, Row]:
        """The vendors' rows that have a figure, by name."""
        names = [r["variant"] for r in self.results.all(runtime) if r["model"] == model]
        rows = {n: self.scored(runtime, model, n) for n in names}
        ours = {FLOAT, *OURS.values()}
        return {n: r for n, r in rows.items() if "noise" in r and n not in ours}

    def drop(self, runtime: str, model: str, name: str) -> float | None:
        """Percentage points lost against the float model in the same runtime."""
        one, other = (self.scored(runtime, model, n).get("top1") for n in (FLOAT, name))
        return None if one is None or other is None else one - other


def show(view: View, rows: bool) -> str:
    """The whole as Markdown; with `rows`, every entrant of every model."""
    parts = [_table(view, model) for model in view.models()] if rows else []
    return "\n\n".join([machine(view), *parts, *_verdicts(view)]) + "\n"


def machine(view: View) -> str:
    versions = view.results.get("machine").get("versions", {})
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"processor {'with' if view.vnni else 'without'} VNNI; {told}"


def _table(view: View, model: str) -> str:
    names = [FLOAT, *(r["variant"] for r in view.results.all("made") if r["model"] == model)]
    lines = [f"| {' | '.join(_HEAD)} |", "|" + "---|" * len(_HEAD)]
    lines += [f"| {' | '.join(_cells(view, model, name))} |" for name in names]
    failed = [r for r in view.results.all("made") if r["model"] == model and "error" in r]
    lines += ["", *(f"- {r['variant']} failed: {r['error'][:160]}" for r in failed)]
    return f"## {model}\n\n" + "\n".join(lines)


def _cells(view: View, model: str, name: str) -> Iterator[str]:
    made = view.made(model, name)
    scores = [view.scored(r, model, name) for r in ("onnxruntime", "openvino", "haswell")]
    yield name
    yield from (_score(s) for s in scores)
    yield _number(scores[0].get("top1", scores[1].get("top1")), 2)
    runtime = "onnxruntime" if "top1" in scores[0] else "openvino"
    yield _number(view.drop(runtime, model, name), 2)
    yield _number(view.drop("haswell", model, name), 2)
    for runtime in ("onnxruntime", "openvino"):
        speed = view.speed(runtime, model, name)
        yield _number(speed, 2) + ("x" if speed else "")
    yield from (_number(made.get(k), d) for k, d in (("mb", 2), ("cpu", 1), ("peak_mb", 0)))


def _score(row: Row) -> str:
    return "error" if "error" in row else _number(row.get("db"), 1)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _verdicts(view: View) -> Iterator[str]:
    for runtime, title in (("onnxruntime", "ONNX Runtime here"), ("openvino", "OpenVINO here"),
                           ("haswell", "ONNX Runtime, emulated AVX2 without VNNI")):  # fmt: skip
        if any(view.results.all(runtime)):
            yield _noise(view, runtime, title)
            yield _drops(view, runtime, title)
            yield _speeds(view, runtime, title)
    yield _costs(view)


def _noise(view: View, runtime: str, title: str) -> str:
    lines, shares = [f"### Noise of ours / of the best vendor: {title}", ""], []
    for model in view.models():
        ours, theirs = _own(view, runtime, model), view.vendors(runtime, model)
        if "noise" not in ours or not theirs or model in UNTRAINED:
            continue
        best = min(theirs, key=lambda n: theirs[n]["noise"])
        share = ours["noise"] / theirs[best]["noise"]
        shares.append(share)
        lines.append(f"- {model}: {share:.2f} ({ours['db']:.1f} dB; {best}: "
                     f"{theirs[best]['db']:.1f} dB)")  # fmt: skip
    return "\n".join([*lines, _spread(shares, max, "at most 0.40", "at most 1.00")])


def _drops(view: View, runtime: str, title: str) -> str:
    found: dict[str, Any] = {m: view.drop(runtime, m, view.ours(runtime)) for m in view.models()}
    known = {m: d for m, d in found.items() if d is not None}
    lines = [f"### Top-1 lost, pp: {title}", ""]
    for model, drop in known.items():
        theirs = [view.drop(runtime, model, n) for n in view.vendors(runtime, model)]
        least = min((d for d in theirs if d is not None), default=None)
        lines.append(f"- {model}: {drop:.2f} (least of the vendors: {_number(least, 2)})")
    return "\n".join([*lines, _spread([*known.values()], max, "at most 0.20", "at most 1.00")])


def _speeds(view: View, runtime: str, title: str) -> str:
    lines, shares = [f"### Speed: {title}", ""], []
    for model in view.models():
        own, speed = _own(view, runtime, model), view.speed(runtime, model, view.ours(runtime))
        if speed is None or "noise" not in own:
            why = view.results.get(f"{runtime} pace", model).get("error")
            lines += [f"- {model}: not measured: {why}"] if why else []
            continue
        theirs = view.vendors(runtime, model)
        quick = {n: s for n in theirs if (s := view.speed(runtime, model, n)) is not None}
        equal = {n: s for n, s in quick.items() if theirs[n]["noise"] <= own["noise"]}
        told = f"- {model}: {speed:.2f}x float"
        if equal:
            best = max(equal, key=lambda n: equal[n])
            shares.append(speed / equal[best])
            told += f"; {shares[-1]:.2f} of {best}, the fastest as accurate"
        elif quick:
            best = max(quick, key=lambda n: quick[n])
            told += f"; no vendor is as accurate (fastest: {best}, {quick[best]:.2f}x)"
        lines.append(told)
    return "\n".join([*lines, _spread(shares, min, "", "at least 0.95")])


def _costs(view: View) -> str:
    lines = ["### Cost of ours / of `quantize_static`, CPU seconds and memory", ""]
    for model in view.models():
        own = view.made(model, view.ours("onnxruntime"))
        plain = view.made(model, DEFAULT)
        if "cpu" not in own or "cpu" not in plain:
            continue
        lines.append(
            f"- {model}: quantizing {own['recipe']:.1f} s / {plain['cpu']:.1f} s = "
            f"{own['recipe'] / plain['cpu']:.2f} (the whole build {own['cpu']:.1f} s); "
            f"peak {own['peak_mb']:.0f} MB / {plain['peak_mb']:.0f} MB{_percentile(view, model)}"
        )
    return "\n".join(lines)


def _percentile(view: View, model: str) -> str:
    """What the calibrator that keeps histograms took."""
    row = view.made(model, "ort u8s8 percentile")
    return f", percentile {row['peak_mb']:.0f} MB" if "peak_mb" in row else ""


def _own(view: View, runtime: str, model: str) -> Row:
    return view.scored(runtime, model, view.ours(runtime))


def _spread(
    found: list[float], worst: Callable[[list[float]], float], median: str, limit: str
) -> str:
    if not found:
        return "\nnothing to compare"
    aims = f" (wanted: {median}, {limit})" if median else f" (wanted: {limit})"
    return f"\nmedian {statistics.median(found):.2f}, worst {worst(found):.2f}{aims}"
