"""Public optimizers and ours, over a zoo of architectures: valid, equal, how small, how fast.

    python benchmarks/zoo.py [--cache DIR] [--results FILE] [--only NAME...] [--shard I/N]
                             [--tools TOOL...] [--again] [--seconds S | --no-latency] [--keep]
    python benchmarks/zoo.py --summary FILE...

More than a hundred networks of torchvision, timm, transformers and our own, random weights, are
exported once into a cache, both as torch's exporter leaves them (raw) and as it optimizes them
(opt), with a dynamic batch where it can. Each tool then works on each file in a process of its
own. What comes out is checked, compared with the untouched export in ONNX Runtime without
optimizations, and timed in ONNX Runtime and OpenVINO, all variants in turn, on one thread of one
core. A run that is stopped is taken up where it was; a tool is run again where its version (ours:
its sources) has changed. Needs, beside mcompile: torch, torchvision, timm, transformers, onnxslim,
onnxsim, onnxoptimizer, openvino. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}

from zoo import peers, summary
from zoo.course import RUNTIMES, Course
from zoo.results import Results
from zoo.workshop import Work, Workshop, serve

_LIMIT = 900.0
"""Seconds after which a tool, or a timing, is given up."""
_CACHE = Path.home() / ".cache" / "mcompile-zoo"


def main() -> int:
    """Export what is missing, visit every model, and print the summary."""
    given = _parser().parse_args()
    if given.serve:
        if given.core is not None:
            os.sched_setaffinity(0, {given.core})
        serve(_work(given.serve), _LIMIT)
    elif given.export:
        _export(given)
    elif given.summary:
        summary.show(Results(given.summary), given.rows)
    else:
        _run(given)
    return 0


def _parser() -> argparse.ArgumentParser:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--cache", type=Path, default=_CACHE, help="where the exports are kept")
    ask.add_argument("--results", type=Path, help="CACHE/results.jsonl unless given")
    ask.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these models alone")
    ask.add_argument("--shard", default="0/1", metavar="I/N", help="every N-th model from the I-th")
    ask.add_argument("--core", type=int, default=None, help="the core to stay on; the shard's I")
    ask.add_argument("--tools", nargs="+", default=list(peers.TOOLS), choices=list(peers.TOOLS))
    ask.add_argument("--again", action="store_true", help="even what is known already")
    ask.add_argument("--seconds", type=float, default=1.0, help="of timing, a variant and runtime")
    ask.add_argument("--no-latency", action="store_true")
    ask.add_argument("--no-export", action="store_true", help="only what is in the cache already")
    ask.add_argument("--keep", action="store_true", help="leave what the tools wrote in the cache")
    ask.add_argument("--summary", nargs="+", type=Path, metavar="FILE", help="of these results")
    ask.add_argument("--rows", action="store_true", help="with --summary: every model's rows too")
    ask.add_argument("--serve", default="", help=argparse.SUPPRESS)
    ask.add_argument("--export", action="store_true", help="export alone")
    return ask


def _work(server: str) -> Work:
    """What a server does with its jobs; imports what that needs, and no more."""
    if server in peers.TOOLS:
        optimize = peers.TOOLS[server]()
        return lambda job: optimize(Path(job["source"]), Path(job["out"]))
    if server in RUNTIMES:
        from zoo import timing

        return timing.latency
    from zoo import judge

    return {"refer": judge.refer, "judge": judge.judge}[server]


def _export(given: argparse.Namespace) -> None:
    """Export the models of this run; the names, in their order, go to CACHE/names.json."""
    import logging
    import warnings

    import torch
    from zoo.export import export
    from zoo.models import entries

    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    known = entries()
    given.cache.mkdir(parents=True, exist_ok=True)
    (given.cache / "names.json").write_text(json.dumps([e.name for e in known]))
    wanted = _chosen([e.name for e in known], given)
    for entry in (e for e in known if e.name in wanted):
        made = export(entry, given.cache / entry.name)
        told = made.get("error") or (f"fixed batch: {made['fixed']}" if made["fixed"] else "")
        print(f"{entry.name:44} {made['seconds']:6.1f} s   {told[:200]}", flush=True)


def _chosen(names: list[str], given: argparse.Namespace) -> list[str]:
    first, step = (int(x) for x in given.shard.split("/"))
    if unknown := set(given.only) - set(names):
        sys.exit(f"not in the zoo: {', '.join(sorted(unknown))}")
    return [n for n in names if not given.only or n in given.only][first::step]


def _run(given: argparse.Namespace) -> None:
    script = Path(__file__).resolve()
    core = given.core if given.core is not None else int(given.shard.split("/")[0])
    if not given.no_export:
        words = [sys.executable, str(script), "--export", "--cache", str(given.cache)]
        words += ["--shard", given.shard, *(["--only", *given.only] if given.only else [])]
        with (given.cache.parent / f"{given.cache.name}.export.log").open("a") as log:
            subprocess.run(words, check=True, stderr=log)
    file = given.results or given.cache / "results.jsonl"
    results, shop = Results([file], file), Workshop(script, core, given.cache / "tools.log")
    results.add(kind="machine", **summary.machine(), versions=peers.versions())
    seconds = 0.0 if given.no_latency else given.seconds
    course = Course(shop, results, peers.versions(), seconds, given.tools, given.again, given.keep)
    try:
        for name in _chosen(json.loads((given.cache / "names.json").read_text()), given):
            _visit(course, given.cache / name)
    finally:
        shop.close()
    summary.show(results, rows=False)


def _visit(course: Course, folder: Path) -> None:
    known = folder / "meta.json"
    if not known.exists():
        return
    meta: dict[str, Any] = json.loads(known.read_text())
    if "error" in meta:
        course.results.add(kind="failed", model=folder.name, why=meta["error"])
        return
    for variant in ("raw", "opt"):
        course.visit(meta, folder, variant)


if __name__ == "__main__":
    sys.exit(main())
