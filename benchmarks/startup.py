"""CPU time of commands that load no model: user and system seconds of the whole process.

    python benchmarks/startup.py

Each command takes turns with the others and with an interpreter that does nothing; the median of
eleven runs each, after one that warms the file cache. The aim is less than 0.3 s.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

RUNS = 11
COMMAND = str(Path(sys.executable).with_name("mcompile"))
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import mcompile": [sys.executable, "-c", "import mcompile"],
    "mcompile --help": [COMMAND, "--help"],
    "mcompile targets": [COMMAND, "targets"],
}


def spent(words: list[str]) -> float:
    """CPU seconds of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a line a command."""
    for words in COMMANDS.values():
        spent(words)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, words in COMMANDS.items():
            times[name].append(spent(words))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"click {version('click')}")  # fmt: skip
    for name, each in times.items():
        low, middle, high = min(each), statistics.median(each), max(each)
        print(f"{name:20} {middle:.3f} s CPU (min {low:.3f}, max {high:.3f})")


if __name__ == "__main__":
    main()
