"""The course of `build_engine.py`: check, build, compare, measure, write."""

import argparse
import os
import shlex
import subprocess
import sys
import time
from typing import Any, List, NamedTuple, Optional

from mcompile.backends.tensorrt.device.budget import Memory, check_disk, workspace_mb
from mcompile.backends.tensorrt.device.builder import Wish, build, check_wish
from mcompile.backends.tensorrt.device.cuda import Cuda, open_cuda
from mcompile.backends.tensorrt.device.engine import Engine
from mcompile.backends.tensorrt.device.faults import CONTRACT, MISMATCH, KitError, unwritten
from mcompile.backends.tensorrt.device.files import forget, write_whole
from mcompile.backends.tensorrt.device.golden import Golden, check_golden, read_cases
from mcompile.backends.tensorrt.device.kit import Kit, read_kit, verify_files
from mcompile.backends.tensorrt.device.layers import Layers, from_log
from mcompile.backends.tensorrt.device.log import recorder
from mcompile.backends.tensorrt.device.machine import (
    board,
    disk_mb,
    isa,
    memory_mb,
    process_mb,
    system,
)
from mcompile.backends.tensorrt.device.options import options
from mcompile.backends.tensorrt.device.plan import REBUILD, check_plan
from mcompile.backends.tensorrt.device.power import meter
from mcompile.backends.tensorrt.device.record import (
    Place,
    Run,
    read_note,
    record,
    write_note,
    write_record,
)
from mcompile.backends.tensorrt.device.sdk import check_device, load_tensorrt
from mcompile.backends.tensorrt.device.steadiness import steadiness
from mcompile.backends.tensorrt.device.timing import Course, percentile, time_runs
from mcompile.backends.tensorrt.device.timing_cache import keep_timing, read_timing, timing_path

FLOAT_KIT = "a kit of --precision fp16: this one would not be faster"


class Desk(NamedTuple):
    """What everything is done with: what was asked for, the kit, the SDK and the GPU."""

    asked: argparse.Namespace
    kit: Kit
    trt: Any
    cuda: Cuda


def main(words: Optional[List[str]] = None) -> int:
    """The exit code; what went wrong is said in three lines on standard error."""
    asked = options(words)
    try:
        return _run(asked)
    except KitError as error:
        print(error.text(), file=sys.stderr)
        return error.code
    except OSError as error:
        print(unwritten(error).text(), file=sys.stderr)
        return CONTRACT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _run(asked: argparse.Namespace) -> int:
    apart = not (asked.engine or asked.check_only or asked.build_only)
    if not (asked.check_only or asked.build_only):
        forget(asked.measured)
    if apart:
        # In a process of its own, whose memory is gone before the engine is measured.
        code = _build_apart(asked)
        if code:
            return code
    kit = read_kit(asked.kit)
    verify_files(kit)
    trt = load_tensorrt()
    desk = Desk(asked, kit, trt, open_cuda())
    check_device(kit, trt.__version__, desk.cuda)
    read_cases(kit.path(kit.golden))
    if apart:
        return _measure(desk)
    _say(f"{kit.name} {kit.precision} for {kit.target}: {desk.cuda.name()}, "
         f"sm {kit.compute_capability}, TensorRT {trt.__version__}")  # fmt: skip
    if asked.engine:
        return _measure(desk)
    wish = _wish(desk)
    if asked.check_only:
        _say(f"this device can build it, within a workspace of {wish.workspace_mb:.0f} MB")
        return 0
    return _build(desk, wish)


def _wish(desk: Desk) -> Wish:
    """How to build here; an error where the device has not what building takes."""
    kit, asked = desk.kit, desk.asked
    folder = os.path.dirname(os.path.abspath(asked.out))
    if not os.path.isdir(folder):
        raise KitError(CONTRACT, "there is no such folder", folder, "mkdir, or another --out")
    check_disk(kit, folder, disk_mb(folder))
    where = board(asked.root, desk.cuda.name())
    free, total = (size / 1e6 for size in desk.cuda.memory())
    if desk.cuda.integrated():
        # What CUDA calls free there leaves out what the kernel would give back.
        free, total = memory_mb(asked.root)
    wish = Wish(workspace_mb(kit, asked.workspace, Memory(free, total, where)))
    wish = wish._replace(implicit=asked.implicit, dla=asked.dla)
    if kit.precision == "int8" and not kit.integer_layers and not wish.implicit:
        told = "INT8 was asked for, and no layer of the kit is quantized"
        raise KitError(MISMATCH, told, kit.path(kit.model), FLOAT_KIT)
    check_wish(desk.trt, kit, wish)
    return wish


def _build(desk: Desk, wish: Wish) -> int:
    trt, kit, out = desk.trt, desk.kit, desk.asked.out
    cache = timing_path(kit, trt.__version__)
    log, begin, known = recorder(trt), time.perf_counter(), read_timing(cache)
    more = ", with its timing cache" if known else "; this takes minutes"
    _say(f"building within a workspace of {wish.workspace_mb:.0f} MB{more}")
    built = build(trt, kit, wish._replace(timing=known), log)
    seconds = time.perf_counter() - begin
    check_plan(built.plan, trt.__version__, out)
    write_whole(out, built.plan)
    facts = {
        "tensorrt": trt.__version__,
        "compute_capability": desk.cuda.compute_capability(),
        "build_s": round(seconds, 3),
        "workspace_mb": round(wish.workspace_mb, 3),
        "file": os.path.basename(out),
        "layers": list(from_log(log.layers)) if log.layers else None,
    }
    write_note(out, kit, built, facts)
    kept = keep_timing(cache, built.timing)
    lost = "" if kept else "; the timing cache could not be written"
    _say(f"built {out}, {len(built.plan) / 1e6:.2f} MB, in {seconds:.1f} s{lost}")
    return 0


def _build_apart(asked: argparse.Namespace) -> int:
    """The exit code of building in a process of its own; an error where it was killed."""
    script = os.path.abspath(__file__)
    words = [sys.executable, script, "--build-only", "--out", asked.out, "--kit", asked.kit]
    words += ["--root", asked.root] + (["--implicit"] if asked.implicit else [])
    words += ["--workspace", str(asked.workspace)] if asked.workspace is not None else []
    words += ["--dla", str(asked.dla)] if asked.dla is not None else []
    code = subprocess.call(words)
    if code < 0:
        raise KitError(
            CONTRACT,
            f"building was ended by signal {-code}" + (": out of memory" if code == -9 else ""),
            asked.out,
            "end other programs and the desktop, add swap, or a smaller --workspace",
        )
    return code


def _measure(desk: Desk) -> int:
    trt, kit, cuda, asked = desk.trt, desk.kit, desk.cuda, desk.asked
    plan = _plan(desk)
    note = read_note(asked.out, kit)
    log, before = recorder(trt), (cuda.memory()[0], process_mb(asked.root)[0])
    engine = Engine(trt, cuda, plan, log)
    layers = engine.layers()
    if layers is None and note["layers"] is not None:
        layers = Layers(*note["layers"])
    check_precision(kit, layers)
    golden = _golden(kit)
    far = check_golden(engine.run, golden, kit.path(kit.golden))
    how, reading = meter(asked.root, cuda.integrated())
    course = Course(kit.warmup, asked.runs or kit.runs, asked.power_seconds, reading)
    times = time_runs(engine.run, golden.cases[0][0], course, asked.root)
    steady = steadiness(engine.run, golden.cases[0][0])
    run = Run(times, layers, (far, golden.tolerance or 0.0), _added_mb(desk, before), steady)
    engine.close()
    # What was typed, without the folder of this machine that the script lies in.
    typed = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
    note = dict(note, command=" ".join(shlex.quote(word) for word in typed))
    place = Place(board(asked.root, cuda.name()), isa(asked.root), system(asked.root), how)
    write_record(asked.measured, record(kit, note, place, run))
    _summary(desk, run, place)
    return 0


def _golden(kit: Kit) -> Golden:
    """The golden cases with a tolerance: their own, else the kit's."""
    golden = read_cases(kit.path(kit.golden))
    return golden if golden.tolerance is not None else golden._replace(tolerance=kit.tolerance)


def check_precision(kit: Kit, layers: Optional[Layers]) -> None:
    """Nothing where INT8 is used, was not asked for, or TensorRT does not tell, else an error."""
    if kit.precision != "int8" or layers is None or layers.int8 or layers.opaque:
        return
    told = (f"INT8 was asked for, and no layer uses it: {layers.fp16} of {layers.total} are "
            f"fp16, {layers.fp32} fp32")  # fmt: skip
    fix = "another TensorRT, or a kit of --precision fp16: this one would not be faster"
    raise KitError(MISMATCH, told, kit.target, fix)


def _plan(desk: Desk) -> bytes:
    path = desk.asked.out
    try:
        with open(path, "rb") as file:
            plan = file.read()
    except OSError as error:
        raise KitError(CONTRACT, "the engine cannot be read", path, REBUILD) from error
    check_plan(plan, desk.trt.__version__, path)
    return plan


def _added_mb(desk: Desk, before: Any) -> Optional[float]:
    """What opening and running added in 10^6 bytes: on the GPU, or to all memory where it shares.

    What CUDA calls free on a Jetson counts the process too: the larger of the two is taken.
    """
    gpu = (before[0] - desk.cuda.memory()[0]) / 1e6
    host = process_mb(desk.asked.root)[1] - before[1] if desk.cuda.integrated() else 0.0
    added = max(gpu, host)
    return added if added > 0 else None


def _summary(desk: Desk, run: Run, place: Place) -> None:
    samples, kit = run.times.samples_ms, desk.kit
    far, allowed = run.golden
    _say(f"golden outputs: off by {far:.3g} of the largest, {allowed:.3g} allowed")
    if run.layers is not None:
        n = run.layers
        asked = f" ({kit.integer_layers} were asked for)" if kit.integer_layers else ""
        _say(f"layers: {n.int8} INT8{asked}, {n.fp16} fp16, {n.fp32} fp32, {n.other} other, "
             f"{n.opaque} that do not say")  # fmt: skip
    _say(f"latency: p50 {percentile(samples, 50):.3f} ms, p99 {percentile(samples, 99):.3f} ms, "
         f"{len(samples)} runs, copies included")  # fmt: skip
    if run.memory_peak_mb:
        _say(f"memory: {run.memory_peak_mb:.1f} MB")
    if run.times.power_w:
        _say(f"power: {run.times.power_w:.2f} W ({place.meter})")
    _say(f"wrote {desk.asked.measured}; now, where the kit was made:")
    _say(f"  mcompile check DIR --measured {os.path.basename(desk.asked.measured)}")


def _say(line: str) -> None:
    print(line, flush=True)
