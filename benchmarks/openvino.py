"""Ours for OpenVINO against NNCF's own IR of the same model and samples.

    python benchmarks/openvino.py [--cache DIR] [--only NAME...] [--vendors PYTHON]
                                  [--seconds S] [--loading S]
    python benchmarks/openvino.py --summary [--cache DIR]
    python benchmarks/openvino.py --kernels [--only NAME...] [--cache DIR] [--vendors PYTHON]

Each trained network (benchmarks/trained) is laid out once; `mcompile build --backend openvino` and
`nncf.quantize` on OpenVINO's form of it, by its default and by its other settings, quantize it
from the same samples, each in a process of its own. All files are run in OpenVINO on the
evaluation data and held against the untouched float model; then all run in turn on one thread of
one core, and are read and compiled in turn. The limits are those of the medians over the models of
ours / NNCF's: latency 1.05, power of the noise 0.5, compile time 1.

Where another process disturbs more than one run in fifty, times are CPU times, and the summary says
so. --kernels prints what OpenVINO makes of ours, of NNCF's default and of its most accurate
setting, and the time of each kernel. --vendors is an interpreter with nncf, openvino, onnx and
onnxruntime. Linux only.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quantization_contest.summary import View

_FOLDER = Path(__file__).resolve().parent
_TRAINED = ("p_net", "r_net", "o_net", "digits", "efficientnet_lite0", "residual", "mobile_v3",
            "vision_transformer", "basic_pitch", "silero_vad")  # fmt: skip
_CACHE = Path.home() / ".cache" / "mcompile-quantization"


def main() -> int:
    """Visit every network, and print the summary or what the files are made of."""
    from quantization_contest import ir_summary, machine, summary
    from zoo.results import Results

    given = _parser().parse_args()
    os.sched_setaffinity(0, {given.core})
    given.cache.mkdir(parents=True, exist_ok=True)
    file = given.cache / "openvino.jsonl"
    results = Results([file], file)
    view = summary.View(results, bool(machine.VNNI & machine.flags()))
    if not given.summary:
        _run(given, view)
    (given.cache / "openvino.md").write_text(ir_summary.show(view, rows=True))
    if not given.kernels:
        print(ir_summary.show(view, rows=given.summary))
    return 0


def _parser() -> argparse.ArgumentParser:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--cache", type=Path, default=_CACHE, help="networks, files and results")
    ask.add_argument("--only", nargs="+", default=_TRAINED, choices=_TRAINED, metavar="NAME",
                     help="of: " + " ".join(_TRAINED))  # fmt: skip
    ask.add_argument("--entrants", nargs="+", default=[""], metavar="WORD",
                     help="those with one of the words in their names")  # fmt: skip
    ask.add_argument("--vendors", default=sys.executable, metavar="PYTHON")
    ask.add_argument("--samples", type=int, default=64, help="to calibrate with")
    ask.add_argument("--seconds", type=float, default=1.0, help="of running a file; 0 for none")
    ask.add_argument("--loading", type=float, default=2.0, help="of compiling one; 0 for none")
    ask.add_argument("--core", type=int, default=0, help="the core to stay on")
    ask.add_argument("--again", action="store_true", help="even what is known already")
    ask.add_argument("--summary", action="store_true", help="of what is known, every row of it")
    ask.add_argument("--kernels", action="store_true", help="of the files that there are")
    return ask


def _run(given: argparse.Namespace, view: View) -> None:
    from quantization_contest import kernel_table, machine, shop
    from quantization_contest.course import Course, Effort, Laid
    from quantization_contest.entrants import on_openvino

    script = _FOLDER / "quantization.py"
    servers = shop.Shop(machine.words(script, given.vendors), given.cache / "tools.log")
    try:
        versions = machine.versions(servers, emulated=False)
        if "nncf_ptq" not in versions or "openvino" not in versions:
            sys.exit(f"no nncf and openvino in {given.vendors}: name an interpreter with --vendors")
        del versions["onnxruntime"]  # the files are OpenVINO's
        view.results.add(kind="machine", versions=versions, load=os.getloadavg()[0])
        wanted = [e for e in on_openvino("vnni" if view.vnni else "avx2")
                  if e.tool in versions and any(w in e.name for w in given.entrants)]  # fmt: skip
        effort = Effort(given.samples, given.seconds, 0, given.again, given.loading)
        course = Course(servers, view.results, effort, wanted, versions)
        for name in given.only:
            laid = Laid(given.cache / "trained" / name, given.cache / "openvino" / name)
            if given.kernels:
                print(kernel_table.show(view, servers, laid), flush=True)
            elif course.lay(laid):
                course.visit(laid)
    finally:
        servers.close()


def _package() -> None:
    """Put the runtime of that name in this file's place.

    Scripts of this folder have it first on their path, so `import openvino` finds this file.
    """
    path = sys.path[:]
    sys.path[:] = [p for p in path if Path(p or ".").resolve() != _FOLDER]
    del sys.modules[__name__]
    try:
        importlib.import_module(__name__)
    finally:
        sys.path[:] = path


if __name__ == "__main__":
    sys.exit(main())
elif __name__ == "openvino":
    _package()
