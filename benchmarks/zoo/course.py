"""Takes one exported model through every tool, the judge and the runtimes, and keeps the rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.peers import FOR, OURS, TOOLS
from zoo.results import Results, Row
from zoo.workshop import Workshop

ORIGINAL = "original"
RUNTIMES = ("onnxruntime", "openvino")


@dataclass(frozen=True)
class Course:
    """What a run was asked for; `seconds` are those of timing a variant, none where 0."""

    shop: Workshop
    results: Results
    versions: dict[str, str]
    seconds: float
    tools: Sequence[str]
    again: bool
    keep: bool

    def visit(self, meta: Row, folder: Path, variant: str) -> None:
        """Every tool, then both runtimes; what is known already is left as it is."""
        export = self._export(meta, folder, variant)
        if export.get("error") or export["refused"]:
            return
        (folder / "out").mkdir(exist_ok=True)
        rows = {tool: self._tool(tool, export, folder) for tool in TOOLS}
        if self.seconds:
            for runtime in RUNTIMES:
                self._latency(runtime, export, rows, folder)
        if not self.keep:
            for path in (folder / "out").glob(f"{variant}.*"):
                path.unlink()

    def _export(self, meta: Row, folder: Path, variant: str) -> Row:
        """The untouched export as it is known, its reference outputs stored beside it."""
        source = folder / f"{variant}.onnx"
        stamp = f"{source.stat().st_size}-{int(source.stat().st_mtime)}"
        known = self.results.get("export", meta["name"], variant)
        if known.get("stamp") == stamp and (folder / f"{variant}.npz").exists():
            return known
        told = self.shop.ask("refer", {"folder": str(folder), "variant": variant})
        about = {k: meta.get(k) for k in ("family", "pays", "fixed", "parameters")}
        found = told.get("value", {"error": told.get("error"), "refused": "it does not run"})
        return self._say(
            kind="export", model=meta["name"], variant=variant, stamp=stamp, **about, **found
        )

    def _tool(self, tool: str, export: Row, folder: Path) -> Row:
        variant = export["variant"]
        known = self.results.get("tool", export["model"], variant, tool)
        state = (self.versions[tool], export["stamp"])
        fresh = (known.get("version"), known.get("stamp")) == state
        if tool not in self.tools or (fresh and not self.again):
            return known
        told = self._made(tool, export, folder)
        row: Row = {k: told.get(k) for k in ("cpu", "wall", "peak_mb")} | told.get("value", {})
        verdict: Row = {"valid": False, "equal": False, "why": told.get("error", "")}
        if "value" in told:
            out = _out(folder, variant, tool)
            job = {"folder": str(folder), "variant": variant, "path": str(out)}
            found = self.shop.ask("judge", job)
            verdict = found.get("value", verdict | {"why": found.get("error", "")})
        return self._say(
            kind="tool", model=export["model"], variant=variant, tool=tool,
            version=self.versions[tool], stamp=export["stamp"], **row, **verdict,
        )  # fmt: skip

    def _made(self, tool: str, export: Row, folder: Path) -> dict[str, Any]:
        variant = export["variant"]
        source, out = folder / f"{variant}.onnx", _out(folder, variant, tool)
        out.unlink(missing_ok=True)
        return self.shop.ask(tool, {"source": str(source), "out": str(out)})

    def _latency(self, runtime: str, export: Row, rows: dict[str, Row], folder: Path) -> None:
        """Time what is valid and equal; variants of the same graph share one time."""
        good = {ORIGINAL: export["digest"]}
        equal = {tool: row["digest"] for tool, row in rows.items() if row.get("equal")}
        ours = equal.get(FOR[runtime])
        good |= {tool: digest for tool, digest in equal.items() if tool not in FOR.values()}
        good |= {} if ours is None else {OURS: ours}
        variant = export["variant"]
        known = self.results.get("latency", export["model"], variant, runtime)
        fresh = known.get("digests") == good and known.get("seconds", 0) >= self.seconds
        if fresh and not self.again:
            return
        first: dict[str, str] = {}
        for name, digest in good.items():
            first.setdefault(digest, name)
        files = {OURS: FOR[runtime]}
        paths = {n: str(self._path(files.get(n, n), export, folder)) for n in first.values()}
        job = {"folder": str(folder), "paths": paths, "runtime": runtime, "seconds": self.seconds}
        told = self.shop.ask(runtime, job)
        found = told.get("value", {"ms": {}, "runs": {}, "refused": {"all": told.get("error")}})
        found["ms"] = {n: found["ms"][first[d]] for n, d in good.items() if first[d] in found["ms"]}
        self._say(
            kind="latency", model=export["model"], variant=variant, runtime=runtime, digests=good,
            seconds=self.seconds, same={n: first[d] for n, d in good.items()}, **found,
        )  # fmt: skip

    def _path(self, name: str, export: Row, folder: Path) -> Path:
        """The file of a variant, made again where it was not kept."""
        variant = export["variant"]
        if name == ORIGINAL:
            return folder / f"{variant}.onnx"
        out = _out(folder, variant, name)
        if not out.exists():
            self._made(name, export, folder)
        return out

    def _say(self, **row: Any) -> Row:
        row = self.results.add(**row, at=round(time.time()))
        print(line(row), flush=True)
        return row


def _out(folder: Path, variant: str, tool: str) -> Path:
    return folder / "out" / f"{variant}.{tool}.onnx"


def line(row: Row) -> str:
    """A row in words."""
    name = f"{row['model']}.{row['variant']}"
    if row["kind"] == "export":
        refused = row.get("error") or row["refused"]
        return f"{name}  " + (f"REFUSED {refused}" if refused else f"{row['nodes']} nodes")
    if row["kind"] == "latency":
        base = row["ms"].get(ORIGINAL)
        cells = [f"{n} {t / base:.3f}" for n, t in row["ms"].items() if base and n != ORIGINAL]
        refused = "".join(f"  {n} does not load" for n in row["refused"])
        return f"  {row['runtime']:12} {base or 0:8.2f} ms   {'  '.join(cells)}{refused}"
    verdict = "valid" if row["valid"] else "INVALID"
    verdict += " equal" if row["equal"] else " UNEQUAL"
    undone = f"  UNDONE {row['undone']}" if row.get("undone") else ""
    figures = f"{row.get('nodes') or 0:5} nodes {row.get('cpu') or 0:6.2f} s"
    figures += f" {row.get('peak_mb') or 0:6.0f} MB"
    return f"  {row['tool']:14} {verdict:14} {figures}   {row['why'][:160]}{undone}"
