"""Observing calibration data, beside ONNX Runtime's percentile calibrator: memory and time.

    python benchmarks/observe.py MODEL.onnx CALIBRATION.npz [--images 300] [--theirs 60]

Each works in a process of its own on the same model and the same images, repeated where there are
too few. Theirs keeps every tensor of every image until the end, so it is given fewer; it would
only need more with all of them, and the figure that is judged is the one it really took. Linux
only. Exits 1 where the peak of this compiler is above `--limit` times theirs.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mcompile import graph
from mcompile.samples import open_samples
from mcompile.types import Feeds, Sample, Samples


@dataclass(frozen=True)
class Cost:
    """What a child took; peaks are resident memory, `imports_mb` before it opened the model."""

    images: int
    tensors: int
    seconds: float
    imports_mb: float
    peak_mb: float


def repeated(model: Path, data: Path, images: int) -> Samples:
    """That many samples of the file, from the start again when it ends."""
    ports = graph.load(model, model.stem).inputs
    found = open_samples(data, ports)

    def stream() -> Iterator[Sample]:
        return itertools.islice(itertools.chain.from_iterable(itertools.repeat(found)), images)

    return Samples(str(data), stream, images)


def ours(model: Path, data: Path, images: int) -> int:
    """Observe with this compiler; the number of tensors."""
    from mcompile.quantize import observe

    imported()
    return len(observe(graph.load(model, model.stem), repeated(model, data, images)))


def theirs(model: Path, data: Path, images: int) -> int:
    """Calibrate as `quantize_static` does with percentiles; the number of tensors."""
    from onnxruntime.quantization.calibrate import (
        CalibrationDataReader,
        CalibrationMethod,
        create_calibrator,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.stream = iter(repeated(model, data, images))

        def get_next(self) -> Feeds | None:
            found = next(self.stream, None)
            return dict(found.feeds) if found is not None else None

    imported()
    with tempfile.TemporaryDirectory() as folder:
        made = create_calibrator(
            str(model),
            augmented_model_path=f"{folder}/augmented.onnx",
            calibrate_method=CalibrationMethod.Percentile,
        )
        made.collect_data(Reader())
        return len(made.compute_data().keys())


def imported() -> None:
    """Tell the parent what the imports alone have taken, in MB, and when they were done."""
    import resource

    print(f"imports {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}")
    print(f"started {time.perf_counter()}", flush=True)


WAYS = {"mcompile": ours, "onnxruntime": theirs}


def run(way: str, given: argparse.Namespace, images: int) -> Cost:
    """What a child takes for it; its peak is the one the kernel kept."""
    words = [given.model, given.data, "--child", way, "--images", images]
    command = [sys.executable, __file__, *map(str, words)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    told = dict(line.split() for line in child.stdout or () if len(line.split()) == 2)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{way} ended with {child.returncode}")
    seconds = float(told["ended"]) - float(told["started"])
    peak = usage.ru_maxrss / 1024
    return Cost(images, int(told["tensors"]), seconds, float(told["imports"]), peak)


def report(costs: dict[str, Cost], limit: float) -> int:
    """Print both side by side, and judge."""
    head = ("images", "tensors", "seconds", "ms an image", "imports MB", "peak MB")
    print(f"{'':<12}" + "".join(f"{h:>13}" for h in head))
    for way, cost in costs.items():
        each = 1000 * cost.seconds / cost.images
        print(
            f"{way:<12}{cost.images:>13}{cost.tensors:>13}{cost.seconds:>13.1f}{each:>13.0f}"
            f"{cost.imports_mb:>13.0f}{cost.peak_mb:>13.0f}"
        )
    mine, other = costs["mcompile"], costs["onnxruntime"]
    share = mine.peak_mb / other.peak_mb
    pace = (mine.seconds / mine.images) / (other.seconds / other.images)
    each = (other.peak_mb - other.imports_mb) / other.images
    print(f"onnxruntime took {each:.0f} MB an image")
    print(f"peak {share:.3f} of theirs (limit {limit}), time {pace:.2f} of theirs an image")
    return int(share > limit)


def main() -> int:
    """Run both children one after the other, and compare; or be one of them."""
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("model", type=Path)
    ask.add_argument("data", type=Path)
    ask.add_argument("--images", type=int, default=300)
    ask.add_argument("--theirs", type=int, default=60, help="images for onnxruntime")
    ask.add_argument("--limit", type=float, default=0.1)
    ask.add_argument("--child", choices=WAYS, default="", help=argparse.SUPPRESS)
    given = ask.parse_args()
    if given.child:
        tensors = WAYS[given.child](given.model, given.data, given.images)
        print(f"tensors {tensors}\nended {time.perf_counter()}", flush=True)
        return 0
    counts = {"mcompile": given.images, "onnxruntime": min(given.theirs, given.images)}
    return report({way: run(way, given, n) for way, n in counts.items()}, given.limit)


if __name__ == "__main__":
    sys.exit(main())
