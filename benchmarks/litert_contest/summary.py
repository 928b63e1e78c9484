"""Tables of a run: latency, noise, cost and structure of every file, and what is held to what."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

from quantization_contest.machine import flags
from quantization_contest.score import decibel
from zoo.results import Results

from litert_contest.figures import OTHERS, View
from litert_contest.shop import ONNX2TF, OURS, QUANTIZER, TORCH

_MEAN, _WORST, _NOISE, _CHEAPER, _SECONDS = 1.0, 1.1, 0.5, 20.0, 1.0
_LARGE_MB = 100.0
_COUNTS = {"operators": "ops", "transposes": "transposes", "floats": "float ops",
           "edges": "(de)quantize", "custom": "custom"}  # fmt: skip


def machine() -> dict[str, Any]:
    """The processor with what counts of its instructions, its cores, and how busy it is."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "")
    kinds = sorted(flags() & {"avx2", "avx512f", "avx512_vnni", "amx_int8"})
    return {"cpu": f"{name} ({' '.join(kinds)})", "cores": os.cpu_count(),
            "load": os.getloadavg()[0], "system": platform.platform()}  # fmt: skip


def show(results: Results) -> str:
    """The whole as Markdown."""
    view = View(results)
    parts = [_about(view), *(_latency(view, p) for p in OTHERS), _noises(view), _costs(view),
             *(_counts(view, p) for p in OTHERS), _failures(view)]  # fmt: skip
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _about(view: View) -> Iterator[str]:
    told = view.results.get("machine")
    yield (f"{told.get('cpu')}, {told.get('cores')} cores, load {told.get('load', 0):.1f} at the "
           f"start, {told.get('system')}")  # fmt: skip
    for where, found in told.get("versions", {}).items():
        yield f"- {where}: " + ", ".join(f"{k} {v}" for k, v in found.items())


def _latency(view: View, precision: str) -> Iterator[str]:
    others = OTHERS[precision]
    yield f"### Latency, {precision}, ms: ours / the fastest other"
    yield ""
    names = " | ".join(f"{t}, {n}t" for n in (1, 2) for t in (OURS, *others))
    yield f"| | {names} | 1t | 2t | clock, 1t |"
    yield "|---|" + "---|" * (2 * (1 + len(others)) + 3)
    for model in view.models():
        cells = [_ms(view.ms(model, t, precision, n)) for n in (1, 2) for t in (OURS, *others)]
        shares = [_number(view.slower(model, precision, n)) for n in (1, 2)]
        yield f"| {' | '.join([model, *cells, *shares, view.clock(model, precision, 1)])} |"
    for threads in (1, 2):
        found = {m: view.slower(m, precision, threads) for m in view.models()}
        known = {m: s for m, s in found.items() if s is not None}
        yield from _latency_verdict(f"{threads} thread{'s' * (threads > 1)}", known)


def _latency_verdict(title: str, known: dict[str, float]) -> Iterator[str]:
    yield ""
    if not known:
        yield f"{title}: nothing to compare"
        return
    mean, worst = geometric_mean(known.values()), max(known, key=lambda m: known[m])
    yield (f"{title}: geometric mean {mean:.2f} of {len(known)} "
           f"(wanted: at most {_MEAN}: {_kept(mean <= _MEAN)}), worst {known[worst]:.2f}, {worst} "
           f"(wanted: at most {_WORST}: {_kept(known[worst] <= _WORST)}); "
           f"{sum(s > _WORST for s in known.values())} above it")  # fmt: skip


def _noises(view: View) -> Iterator[str]:
    yield "### Noise of INT8 on evaluation data, dB; ours / ai-edge-quantizer's power"
    yield ""
    tools = (OURS, QUANTIZER, ONNX2TF)
    yield f"| | {' | '.join(tools)} | share | top-1 %, ours | {QUANTIZER} |"
    yield "|---|" + "---|" * 6
    for model in view.models(trained=True):
        heard = [_db(view.noise(model, t, "int8")) for t in tools]
        right = [_number(view.row("score", model, t, "int8").get("top1")) for t in tools[:2]]
        yield f"| {' | '.join([model, *heard, _number(view.noisier(model)), *right])} |"
    found = [s for m in view.models(trained=True) if (s := view.noisier(m)) is not None]
    yield ""
    if found:
        middle = median(found)
        yield (f"median {middle:.2f} of {len(found)} (wanted: at most {_NOISE}: "
               f"{_kept(middle <= _NOISE)}), worst {max(found):.2f}")  # fmt: skip
    else:
        yield "nothing to compare"


def _costs(view: View) -> Iterator[str]:
    yield "### Conversion alone: CPU s, MB of memory on top"
    yield ""
    files = [(OURS, "fp32"), (OURS, "int8"), (TORCH, "fp32"), (QUANTIZER, "int8"),
             (ONNX2TF, "fp32"), (ONNX2TF, "int8")]  # fmt: skip
    yield f"| | {' | '.join(f'{t} {p}' for t, p in files)} | {TORCH} / ours | MB |"
    yield "|---|" + "---|" * (len(files) + 2)
    for model in view.models():
        rows = [view.row("made", model, t, p) for t, p in files]
        cells = [f"{r['seconds']:.2f}, {r['mb_on_top']:.0f}" if "seconds" in r else ""
                 for r in rows]  # fmt: skip
        size = _number(rows[0].get("mb"), 1)
        yield f"| {' | '.join([model, *cells, _number(view.cheaper(model), 0), size])} |"
    yield ""
    yield from _cost_verdicts(view)


def _cost_verdicts(view: View) -> Iterator[str]:
    shares = [s for m in view.models() if (s := view.cheaper(m)) is not None]
    if shares:
        yield (f"{TORCH} / ours: least {min(shares):.0f}, median {median(shares):.0f} of "
               f"{len(shares)} (wanted: at least {_CHEAPER:.0f}: "
               f"{_kept(min(shares) >= _CHEAPER)})")  # fmt: skip
    rows = {f"{m} {p}": view.row("made", m, OURS, p) for m in view.models() for p in OTHERS}
    spent = {n: r["seconds"] for n, r in rows.items() if r.get("mb", _LARGE_MB + 1) <= _LARGE_MB}
    if spent:
        most = max(spent, key=lambda n: spent[n])
        yield (f"our lowering of up to {_LARGE_MB:.0f} MB: most {spent[most]:.2f} s, {most} "
               f"(wanted: at most {_SECONDS:.0f} s: {_kept(spent[most] <= _SECONDS)})")  # fmt: skip


def _counts(view: View, precision: str) -> Iterator[str]:
    tools = (OURS, *OTHERS[precision])
    yield f"### Structure, {precision}: {', '.join(_COUNTS.values())}"
    yield ""
    yield f"| | {' | '.join(tools)} |"
    yield "|---|" + "---|" * len(tools)
    for model in view.models():
        rows = [view.results.get("count", model, f"{t} {precision}") for t in tools]
        cells = [", ".join(str(r[k]) for k in _COUNTS) if "operators" in r else "" for r in rows]
        yield f"| {' | '.join([model, *cells])} |"


def _failures(view: View) -> Iterator[str]:
    yield "### Failed, or computes something else"
    yield ""
    for kind in ("absent", "made", "score"):
        for row in view.results.all(kind):
            if why := row.get("error") or row.get("why"):
                yield f"- {row['model']}, {row.get('variant', '')}: {why[:200]}"
    for model in view.models():
        for precision in OTHERS:
            for tool in (OURS, *OTHERS[precision]):
                noise = view.noise(model, tool, precision)
                if noise is not None and not view.is_right(model, tool, precision):
                    yield f"- {model}, {tool} {precision}: {_db(noise)} dB"


def _kept(holds: bool) -> str:
    return "kept" if holds else "missed"


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _db(noise: float | None) -> str:
    return "" if noise is None else f"{decibel(noise):.1f}"
