"""What the rows of a run come to: validity, equality, cost, latency, and where ours is behind."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

from zoo.course import ORIGINAL, RUNTIMES, line
from zoo.peers import FOR, OURS, TOOLS
from zoo.results import Results, Row

_ALLOWED = 1.02
_LARGE_MB = 20
_PACKAGES = ("torch", "torchvision", "timm", "transformers", "onnx", "onnxruntime", "openvino")
_VARIANTS = ("raw", "opt")


def machine() -> dict[str, Any]:
    """The processor, its cores, the system, and the versions that latency depends on."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # a summary can be printed elsewhere
            continue
    return {"cpu": _cpu(), "cores": os.cpu_count(), "system": platform.platform(),
            "python": platform.python_version(), "packages": found}  # fmt: skip


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    found = dict(x.split(":", 1) for x in lines if ":" in x)
    named = {k.strip(): v.strip() for k, v in found.items()}
    flags = named.get("flags", "").split()
    kinds = [f for f in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if f in flags]
    return f"{named.get('model name', platform.machine())} ({' '.join(kinds)})"


def show(results: Results, rows: bool) -> None:
    """Print it."""
    if rows:
        for kind in ("export", "tool", "latency"):
            for row in results.all(kind):
                print(line(row))
    parts = (_about(results), _tools(results), _latencies(results), _behind(results),
             _paying(results), _faults(results))  # fmt: skip
    for part in parts:
        print("\n".join(part) + "\n")


def _about(results: Results) -> Iterator[str]:
    for row in results.all("machine"):
        yield f"{row['cpu']}, {row['cores']} cores, {row['system']}, Python {row['python']}"
        yield ", ".join(f"{k} {v}" for k, v in (row["packages"] | row["versions"]).items())
    ran = sorted({r["version"] for r in results.all("tool") if r["tool"] == OURS})
    if len(ran) > 1:
        yield f"MIXED: rows of {len(ran)} states of {OURS}"
    exports = list(results.all("export"))
    models = {r["model"] for r in exports}
    failed = {r["model"]: r["why"] for r in results.all("failed") if r["model"] not in models}
    fixed = {r["model"]: r["fixed"] for r in exports if r.get("fixed")}
    refused = {f"{r['model']}.{r['variant']}": r["refused"] for r in exports if r.get("refused")}
    yield f"{len(models)} architectures, {len(exports)} exports, {len(fixed)} of a fixed batch"
    for title, found in (("not exported", failed), ("fixed batch", fixed), ("refused", refused)):
        yield from (f"  {title:13} {name:36} {why[:110]}" for name, why in found.items())


def _rows(results: Results, tool: str) -> list[Row]:
    held = {(r["model"], r["variant"]) for r in results.all("export") if not r.get("refused")}
    found = (r for r in results.all("tool") if r["tool"] == tool)
    return [r for r in found if (r["model"], r["variant"]) in held]


def _tools(results: Results) -> Iterator[str]:
    titles = ("nodes raw", "nodes opt", "CPU s", "median", "worst", "MB", "worst", "of >20 MB")
    widths = (11, 11, 8, 8, 8, 7, 7, 11)
    rest = "".join(f"{title:>{width}}" for title, width in zip(titles, widths, strict=True))
    yield f"{'tool':14}{'files':>6}{'valid':>8}{'equal':>8}{rest}"
    exports = {(r["model"], r["variant"]): r for r in results.all("export")}
    for tool in TOOLS:
        found = _rows(results, tool)
        if not found:
            continue
        share = [100 * sum(bool(r[k]) for r in found) / len(found) for k in ("valid", "equal")]
        nodes = [
            _mean(r["nodes"] / exports[r["model"], v]["nodes"]
                  for r in found if r["valid"] and r["variant"] == v) for v in _VARIANTS
        ]  # fmt: skip
        cpu = [r["cpu"] for r in found if r.get("cpu") is not None]
        peak = [r["peak_mb"] for r in found if r.get("peak_mb") is not None]
        sizes = [(r["peak_mb"], exports[r["model"], r["variant"]]["mb"])
                 for r in found if r.get("peak_mb") is not None]  # fmt: skip
        per_mb = [mb / size for mb, size in sizes if size > _LARGE_MB] or [float("nan")]
        yield (f"{tool:14}{len(found):>6}{share[0]:>7.1f}%{share[1]:>7.1f}%{nodes[0]:>11.3f}"
               f"{nodes[1]:>11.3f}{sum(cpu):>8.1f}{median(cpu):>8.2f}{max(cpu):>8.2f}"
               f"{median(peak):>7.0f}{max(peak):>7.0f}{median(per_mb):>10.1f}x")  # fmt: skip


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return geometric_mean(found) if found else float("nan")


def _timed(results: Results, runtime: str, variant: str) -> list[Row]:
    rows = results.all("latency")
    found = [r for r in rows if (r["runtime"], r["variant"]) == (runtime, variant)]
    return [r for r in found if ORIGINAL in r["ms"]]


def _latencies(results: Results) -> Iterator[str]:
    yield "latency relative to the untouched export, geometric mean (how many were timed)"
    columns = [(runtime, variant) for runtime in RUNTIMES for variant in _VARIANTS]
    yield f"{'':22}" + "".join(f"{f'{r} {v}':>22}" for r, v in columns)
    for tool in (t for t in TOOLS if t == OURS or t not in FOR.values()):
        cells = []
        for column in columns:
            rows = _timed(results, *column)
            found = [r["ms"][tool] / r["ms"][ORIGINAL] for r in rows if tool in r["ms"]]
            cells.append(f"{_mean(found):.3f} ({len(found)})")
        yield f"{tool:22}" + "".join(f"{cell:>22}" for cell in cells)
    cells = []
    for column in columns:
        found = [f for r in _timed(results, *column) if (f := _lead(r)) is not None]
        cells.append(f"{_mean(f[0] for f in found):.3f} ({len(found)})")
    yield f"{OURS + ' / best other':22}" + "".join(f"{cell:>22}" for cell in cells)


def _lead(row: Row) -> tuple[float, str] | None:
    """Our latency over that of the best other tool, and which that is."""
    others = {n: t for n, t in row["ms"].items() if n not in (OURS, ORIGINAL)}
    if OURS not in row["ms"] or not others:
        return None
    best = min(others, key=lambda n: others[n])
    if row["digests"][OURS] in {row["digests"][n] for n in others if others[n] == others[best]}:
        return 1.0, best
    return row["ms"][OURS] / others[best], best


def _behind(results: Results) -> Iterator[str]:
    rows = [r for runtime in RUNTIMES for v in _VARIANTS for r in _timed(results, runtime, v)]
    found = [(f[0], f[1], r) for r in rows if (f := _lead(r)) and f[0] > _ALLOWED]
    yield f"{OURS} slower than {_ALLOWED} x the best other: {len(found)} of {len(rows)}"
    for ratio, best, row in sorted(found, key=lambda f: -f[0]):
        name = f"{row['model']}.{row['variant']}"
        base, ours, other = (row["ms"][n] for n in (ORIGINAL, OURS, best))
        yield (f"  {ratio:6.3f}  {name:40} {row['runtime']:12} ours {ours:8.3f} ms, {best} "
               f"{other:.3f}, untouched {base:.3f}")  # fmt: skip


def _paying(results: Results) -> Iterator[str]:
    """The named list: ours over the best other, and over the untouched export."""
    pays = {r["model"]: r["pays"] for r in results.all("export") if r.get("pays")}
    yield "where a rule is known to pay: ours / best other (ours / untouched)"
    columns = [(runtime, variant) for runtime in RUNTIMES for variant in _VARIANTS]
    yield f"{'':48}" + "".join(f"{f'{r} {v}':>20}" for r, v in columns)
    for model, rule in pays.items():
        cells = []
        for column in columns:
            rows = [r for r in _timed(results, *column) if r["model"] == model]
            lead = _lead(rows[0]) if rows else None
            alone = rows[0]["ms"][OURS] / rows[0]["ms"][ORIGINAL] if lead else 0.0
            cells.append(f"{lead[0]:.3f} ({alone:.3f})" if lead else "-")
        yield f"  {model:24} {rule:21}" + "".join(f"{cell:>20}" for cell in cells)


def _faults(results: Results) -> Iterator[str]:
    """Every file of every tool that is not valid and equal, and every rewrite that was undone."""
    wrong: Callable[[Row], bool] = lambda r: not r["equal"] or bool(r.get("undone"))  # noqa: E731
    for tool in TOOLS:
        found = [r for r in _rows(results, tool) if wrong(r)]
        yield f"{tool}: {len(found)} files broken or with a rewrite undone"
        for row in found:
            name = f"{row['model']}.{row['variant']}"
            kind = "broken" if not row["valid"] else "differs" if not row["equal"] else "undone"
            why = row["why"] or "; ".join(row.get("undone") or ())
            yield f"  {kind:8} {name:40} {why[:140]}"
