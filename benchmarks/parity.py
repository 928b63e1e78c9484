"""One model on every installed runtime, from one calibration: how near their outputs are.

    python benchmarks/parity.py [--cache DIR] [--only NAME...] [--target NAME] [--plan-of BACKEND]

Each trained network (benchmarks/trained) is laid out once, and built by `mcompile.build` in FP32
and INT8 for every backend that is installed; all builds share one file of observed ranges. Then
the captured model, run as its nodes are written, and every artifact compute the evaluation data,
and for each pair of them there is the signal to noise ratio of one against the other, and for a
classifier the share of samples for which both choose the same class. Every runtime is given the
plan that is best on it; with --plan-of all are given the plan of that one, so that only their
arithmetic differs. Needs what benchmarks/quantization.py says to lay the networks out. Linux only.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
import time
from pathlib import Path

from agreement_matrix import building, matrix
from agreement_matrix.building import ORACLE, Form, Source
from quantization_contest import machine, shop
from quantization_contest.course import Course, Effort, Laid
from quantization_contest.data import Arrays, table
from zoo.results import Results

from mcompile.errors import CompileError

_CACHE = Path.home() / ".cache" / "mcompile-quantization"
_TRAINED = ("p_net", "r_net", "o_net", "digits", "efficientnet_lite0", "residual", "mobile_v3",
            "vision_transformer", "basic_pitch", "silero_vad")  # fmt: skip
_PRECISIONS = ("fp32", "int8")


def main() -> int:
    """Print the matrix of every network, then what the runtimes differ by."""
    given = _parser().parse_args()
    os.sched_setaffinity(0, {given.core})
    given.cache.mkdir(parents=True, exist_ok=True)
    profiles, missing = building.runtimes(given.target)
    print(_machine(profiles, missing), flush=True)
    found: dict[str, dict[str, Arrays]] = {}
    for name in given.only:
        laid = Laid(given.cache / "trained" / name, given.cache / "parity" / name)
        if _is_laid(laid, given.cache):
            found[name] = _visit(laid, profiles, given)
    print("\n" + matrix.verdicts(found))
    return 0


def _parser() -> argparse.ArgumentParser:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    exact = bool(machine.VNNI & machine.flags())
    ask.add_argument("--cache", type=Path, default=_CACHE, help="networks and builds")
    ask.add_argument("--only", nargs="+", default=_TRAINED, choices=_TRAINED, metavar="NAME",
                     help="of: " + " ".join(_TRAINED))  # fmt: skip
    ask.add_argument("--target", default="cpu-server-vnni" if exact else "cpu-server",
                     help="for every backend that it names")  # fmt: skip
    ask.add_argument("--plan-of", default="", metavar="BACKEND", help="for all of them")
    ask.add_argument("--samples", type=int, default=64, help="to calibrate with")
    ask.add_argument("--core", type=int, default=0, help="the core to stay on")
    return ask


def _machine(profiles: dict[str, str], missing: dict[str, str]) -> str:
    told = ", ".join(f"{n} {_version(n)}" for n in ("mcompile", "numpy", "onnx", *profiles))
    exact = "with" if machine.VNNI & machine.flags() else "without"
    lines = [f"{platform.machine()} {exact} VNNI, Python {platform.python_version()}; {told}"]
    lines += [f"- {name} is built for {profile}" for name, profile in profiles.items()]
    return "\n".join([*lines, *(f"- not {name}: {why}" for name, why in missing.items())])


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "of another name"


def _is_laid(laid: Laid, cache: Path) -> bool:
    servers = shop.Shop(machine.words(Path(__file__).with_name("quantization.py"), sys.executable),
                        cache / "tools.log")  # fmt: skip
    try:
        return Course(servers, Results([]), Effort(0, 0.0, 0, False), [], {}).lay(laid)
    finally:
        servers.close()


def _forms(profiles: dict[str, str], first: str) -> list[Form]:
    """All that are built; those that take over a plan come behind the one whose it is."""
    order = sorted(profiles, key=lambda name: name != first)
    own = {("int8", first), *(("fp32", name) for name in order)}
    return [
        Form(name, precision, profiles[name], "" if (precision, name) in own else first)
        for precision in _PRECISIONS
        for name in order
    ]


def _visit(laid: Laid, profiles: dict[str, str], given: argparse.Namespace) -> dict[str, Arrays]:
    began = time.perf_counter()
    source = Source(laid.place / "model.onnx", laid.place / "calibration.npz", given.samples)
    samples = table(Path(laid.files["evaluation"]), source.model)
    shutil.rmtree(laid.work, ignore_errors=True)
    laid.work.mkdir(parents=True)
    found = {ORACLE: building.reference(source, samples)}
    refused = []
    for form in _forms(profiles, given.plan_of):
        try:
            built = building.build(source, form, laid.work)
            found[form.name] = building.outputs(built, samples)
        except CompileError as error:
            refused.append(f"- {form.name}: {error.what} ({error.where})")
    spent = time.perf_counter() - began
    print(f"\n## {laid.name}: {len(samples)} evaluation samples, {spent:.0f} s\n")
    print(matrix.show(found, samples.labels is not None))
    if refused:
        print("\n" + "\n".join(refused))
    sys.stdout.flush()
    return found


if __name__ == "__main__":
    sys.exit(main())
