"""Where the CPU time of one build of the demo goes.

    python benchmarks/overhead.py [FOLDER]

One build in a process of its own, as the command line would run it, with the clock of the process
(all threads, children included) read around export, around each calibration inference and around
measuring. What is left is what the compiler itself costs: imports, rules, verification, histograms,
planning, lowering, judging and the reports. The aim is less than 20 %.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

THREE = (
    "export",
    "import of torch, for the export",
    "calibration inference",
    "measuring",
)
CHILD = """
import json, resource, sys

def spent():
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, kinds))

split = {}

def timed(name, function):
    def inner(*args, **kwargs):
        before = spent()
        try:
            return function(*args, **kwargs)
        finally:
            split[name] = split.get(name, 0.0) + spent() - before
    return inner

before = spent()
import torch
split["import of torch, for the export"] = spent() - before
from mcompile import oracle, pipeline, report
from mcompile.options import of
from mcompile.quantize import observe as _
import mcompile.quantize.observe
loaded = spent() - split["import of torch, for the export"]

class Calibrating(oracle.Oracle):
    run = timed("calibration inference", oracle.Oracle.run)

sys.modules["mcompile.quantize.observe"].Oracle = Calibrating
pipeline.capture = timed("export", pipeline.capture)
pipeline.measure = timed("measuring", pipeline.measure)
pipeline.drift = timed("measuring", pipeline.drift)
finish = timed("reports", report.write)
pipeline.build(sys.argv[1], of({"target": "cpu-server", "precision": "int8", "out": sys.argv[2]}),
               finish)
split["imports"] = loaded
split["everything else"] = spent() - sum(split.values())
print(json.dumps(split), file=sys.stderr)
"""


def main(folder: Path) -> None:
    """Print the split, largest first."""
    example = Path(__file__).parent.parent / "examples" / "efficientnet_lite0.py"
    subprocess.run([sys.executable, str(example), str(folder)], check=True)
    model = folder / "efficientnet_lite0.pth"
    words = [sys.executable, "-c", CHILD, str(model), str(folder / "out")]
    done = subprocess.run(words, check=True, stderr=subprocess.PIPE, text=True)
    split: dict[str, float] = json.loads(done.stderr.strip().splitlines()[-1])
    total = sum(split.values())
    tools = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnxruntime"))
    print(f"{platform.machine()}, {os.cpu_count()} cores, {platform.python_version()}, {tools}")
    for name, seconds in sorted(split.items(), key=lambda item: -item[1]):
        print(f"{name:32} {seconds:7.2f} s CPU  {seconds / total:6.1%}")
    outside = total - sum(split[n] for n in THREE)
    print(
        f"{'outside of the three':32} {outside:7.2f} s CPU  {outside / total:6.1%}   (aim: < 20 %)"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch))
