"""The command line of `build_engine.py`."""

import argparse
import os
from typing import List, Optional

SUMMARY = """\
Build a TensorRT engine from the kit in this folder on the device that it is for, compare it with
the golden outputs, measure it, and write measured.json for: mcompile check DIR --measured FILE

exit codes: 0 fine, 1 the engine computes something else or uses no INT8 where it was asked for,
2 usage, 5 something is not installed, 6 TensorRT refuses the graph, 7 wrong or too small a device,
wrong version, or a damaged file"""


def options(words: Optional[List[str]]) -> argparse.Namespace:
    """What was asked for on the command line; ends the process with code 2 where it is wrong."""
    here = os.path.dirname(os.path.abspath(__file__))
    formats = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "build_engine.py", description=SUMMARY, formatter_class=formats
    )
    say = parser.add_argument
    say("--out", metavar="FILE", help="the engine to write (model.engine beside this script)")
    say("--engine", metavar="FILE", help="measure this engine, that was built here before")
    say("--workspace", metavar="MB", type=_positive, help="memory for TensorRT to try kernels in")
    say("--runs", metavar="N", type=_count, help="how many inferences are timed")
    say("--implicit", action="store_true", help="INT8 by calibration table, not Q/DQ (up to 10)")
    say("--dla", metavar="CORE", type=int, help="build for a DLA core, the GPU for the rest")
    say("--check-only", action="store_true", help="look at the kit and the device, build nothing")
    say("--build-only", action="store_true", help="build the engine and stop")
    say("--measured", metavar="FILE", help="where the figures go (measured.json beside the engine)")
    say("--power-seconds", metavar="S", type=float, default=3.0, help="how long to watch the power")
    say("--kit", metavar="DIR", default=here, help="where the kit is (beside this script)")
    say("--root", metavar="DIR", default="/", help="where the device's /proc and /sys are")
    chosen = parser.parse_args(words)
    if chosen.engine and (chosen.build_only or chosen.out):
        parser.error(
            "--engine measures what was built: it goes with neither --out nor --build-only"
        )
    chosen.out = chosen.engine or chosen.out or os.path.join(chosen.kit, "model.engine")
    folder = os.path.dirname(os.path.abspath(chosen.out))
    chosen.measured = chosen.measured or os.path.join(folder, "measured.json")
    return chosen


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value
