"""The noise that integers leave in trained networks: ours, theirs, and our own arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import onnx
import onnx_ir as ir
from quantization_contest.data import Arrays

from mcompile.oracle import Oracle
from mcompile.simulate import Simulator
from tensorrt_contest import ours
from tensorrt_contest.given import Given, of_trained
from tensorrt_contest.noise import decibel, noise
from tensorrt_contest.placement import SCHEMES
from tensorrt_contest.vendor import Vendor

Run = Callable[[Arrays], Arrays]
_NEAR_DB = 0.3
_METHODS = ("max", "entropy")


def visit(
    places: Sequence[tuple[Path, Path]], vendor: Vendor, counts: tuple[int, int]
) -> list[str]:
    """Print a row for each network; what is wrong, in words."""
    names = ("network", "simulated", "plain", "recipe", *_METHODS, "ours/theirs", "")
    print("\nSQNR in dB on evaluation data\n" + _row(names))
    faults: list[str] = []
    for place, folder in places:
        if not (place / "evaluation.npz").exists():
            print(f"{place.name}: not in {place.parent}: python benchmarks/quantization.py "
                  f"--only {place.name} lays it out")  # fmt: skip
            continue
        faults += _visited(of_trained(place, folder, counts), vendor)
    return faults


def _visited(given: Given, vendor: Vendor) -> list[str]:
    plain = ours.plain(given, SCHEMES)
    recipe, how = ours.chosen(given, SCHEMES["TENSORRT_10"])
    files = [_saved(given, name, p.graph) for name, p in (*plain.items(), ("recipe", recipe))]
    theirs = {m: vendor.quantize(given.folder, m) for m in _METHODS}
    shown = {f.stem: _shown(given, ours.AsWritten(f)) for f in (*files, *theirs.values())}
    faults, alone = [], {}
    for name, scheme in SCHEMES.items():
        alone[name] = _shown(given, Simulator(plain[name], scheme, threads=1).run)
        apart = abs(decibel(alone[name]) - decibel(shown[name]))
        if apart > _NEAR_DB:
            faults.append(f"{given.name}: {name} simulated is {apart:.2f} dB from ONNX Runtime")
    best = min(shown[f.stem] for f in theirs.values())
    figures = [alone["TENSORRT_10"], shown["TENSORRT_10"], shown["recipe"],
               *(shown[f.stem] for f in theirs.values())]  # fmt: skip
    told = [f"{decibel(f):.2f}" for f in figures]
    print(_row((given.name, *told, f"{shown['recipe'] / best:.2f}", how)), flush=True)
    refused = {n: t for n, t in vendor.compile(files).items() if "error" in t}
    return faults + [f"{given.name}: {n}: {t['node']}: {t['error']}" for n, t in refused.items()]


def _saved(given: Given, name: str, model: ir.Model) -> Path:
    path = given.folder / f"{name}.onnx"
    onnx.save(ir.to_proto(model), path)
    return path


def _shown(given: Given, run: Run) -> float:
    """The noise on the evaluation data, as a share of the signal."""
    oracle = Oracle(given.program, threads=1)
    wanted = [oracle.run(f) for f in given.evaluation]
    floats = [n for n, a in wanted[0].items() if a.dtype.kind == "f"]
    return noise([run(f) for f in given.evaluation], wanted, floats)


def _row(words: Sequence[str]) -> str:
    return f"{words[0]:20}" + "".join(f"{w:>12}" for w in words[1:-1]) + f"   {words[-1]}"
