"""Measures what working on a 2 GB model adds to memory, on top of the interpreter with its imports.

    python benchmarks/memory.py [--gb 2] [--folder DIR] [--limit-gb 0.5]

A model with external weights is generated: matrix products of which two are equal, a large
convolution with its norm, and shape arithmetic. A child process works on it while this one reads
the child's `/proc/<pid>/status`. Anonymous memory cannot be given back under pressure and is what
counts; mapped files can, and are part of the resident total only. Linux only.
Exits 1 where the anonymous memory grows by more than the limit.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.helper as proto
import onnx.numpy_helper

from mcompile import graph, optimizer, quantize, registry
from mcompile.frontend import capture
from mcompile.reference import random_feeds
from mcompile.types import Program, Sample, Samples

_LAYERS = 8


def load(path: Path) -> Program:
    """The program as a build captures it; its weights stay on disk."""
    return capture(path)


def optimize(program: Program, _folder: Path) -> Program:
    """The middle end as a build runs it, every phase checked."""
    work, log = optimizer.optimize(program)
    done = Counter(a.rule for a in log.applied)
    print(f"{dict(done)}, {len(log.undone)} undone", file=sys.stderr)
    return work


def quantize_to(program: Program, folder: Path) -> Program:
    """Q/DQ for ONNX Runtime from two seeded samples, written to disk."""
    scheme = registry.backend("onnxruntime").scheme
    feeds = [random_feeds(program, seed) for seed in range(2)]
    samples = Samples("seeded", lambda: (Sample(f) for f in feeds), len(feeds))
    plan = quantize.plan(program, quantize.observe(program, samples), scheme)
    made = quantize.insert(program, plan, scheme)
    graph.save(made, folder / "quantized.onnx")
    size = sum(f.stat().st_size for f in folder.glob("quantized.onnx*")) / 1e6
    print(f"{len(plan.tensors)} tensors quantized, {size:.0f} MB written", file=sys.stderr)
    return made


STEPS: dict[str, Callable[[Program, Path], Program]] = {
    "optimize": optimize,
    "quantize": quantize_to,
}


def generate(folder: Path, gb: float) -> Path:
    """Write a model of about that size, a row at a time."""
    side = int((gb * 2**30 / 4 / _LAYERS) ** 0.5)
    weights = [onnx.TensorProto(name=f"w{k}", data_type=1) for k in range(_LAYERS)]
    with (folder / "model.data").open("wb") as file:
        for k, weight in enumerate(weights):
            last = k == _LAYERS - 1
            weight.dims.extend([side, side, 1, 1] if last else [side, side])
            _place(weight, file.tell(), side * side * 4)
            rng = np.random.default_rng(0 if k == 1 else k)  # the first two are equal
            for _ in range(side):
                row = rng.standard_normal(side, dtype=np.float32) / np.float32(side**0.5)
                file.write(row.tobytes())
    onnx.save(_model(side, weights), folder / "model.onnx")
    return folder / "model.onnx"


def _place(weight: onnx.TensorProto, offset: int, length: int) -> None:
    weight.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "model.data"), ("offset", offset), ("length", length)):
        weight.external_data.add(key=key, value=str(value))


def _model(side: int, weights: list[onnx.TensorProto]) -> onnx.ModelProto:
    nodes, flow = [], "x"
    for k, weight in enumerate(weights[:-1]):
        nodes.append(proto.make_node("MatMul", [flow, weight.name], [f"m{k}"]))
        nodes.append(proto.make_node("Identity", [f"m{k}"], [f"i{k}"]))
        flow = f"i{k}"
    names = ("gamma", "beta", "mean", "variance")
    norm = {n: np.random.default_rng(0).random(side, dtype=np.float32) + 0.5 for n in names}
    small = norm | {"ones": np.array([1, 1]), "end": np.array([2])}
    nodes += [
        proto.make_node("Shape", [flow], ["s"]),
        proto.make_node("Concat", ["s", "ones"], ["shape"], axis=0),
        proto.make_node("Reshape", [flow, "shape"], ["r"]),
        proto.make_node("Conv", ["r", weights[-1].name], ["c"]),
        proto.make_node("BatchNormalization", ["c", *norm], ["y"]),
    ]
    ports = [proto.make_tensor_value_info("x", 1, [1, side])]
    results = [proto.make_tensor_value_info("y", 1, [1, side, 1, 1])]
    tensors = [onnx.numpy_helper.from_array(a, n) for n, a in small.items()]
    body = proto.make_graph(nodes, "memory", ports, results, [*weights, *tensors])
    return proto.make_model(body, opset_imports=[proto.make_opsetid("", 17)], ir_version=9)


def work(path: Path) -> None:
    """The child: say each step on stdout, and do it."""
    print("load", flush=True)
    time.sleep(0.1)  # so that the first sample is taken before anything is loaded
    program = load(path)
    for name, step in STEPS.items():
        print(name, flush=True)
        program = step(program, path.parent)


class Watch:
    """Peak memory of a child in each of the steps it announces, in MB."""

    def __init__(self, command: list[str]) -> None:
        self.anonymous: dict[str, float] = {}
        self.resident: dict[str, float] = {}
        self.step = "imports"
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        listener = threading.Thread(target=self._listen)
        listener.start()
        while self.child.poll() is None:
            self._sample()
            time.sleep(0.002)
        listener.join()

    def _listen(self) -> None:
        for line in self.child.stdout or ():
            self.step = line.strip()

    def _sample(self) -> None:
        step = self.step
        try:
            rows = Path(f"/proc/{self.child.pid}/status").read_text().splitlines()
        except OSError:
            return
        found = dict(row.split(":", 1) for row in rows if ":" in row)
        for peaks, key in ((self.anonymous, "RssAnon"), (self.resident, "VmRSS")):
            if key in found:
                peaks[step] = max(peaks.get(step, 0.0), int(found[key].split()[0]) / 1024)


def report(watch: Watch, limit_gb: float) -> int:
    """Print a line a step; 1 where the child failed or a step passed the limit."""
    base = watch.anonymous["imports"]
    print(f"{'step':<12}{'anonymous MB':>14}{'added MB':>10}{'resident MB':>13}")
    for step, peak in watch.anonymous.items():
        print(f"{step:<12}{peak:>14.0f}{peak - base:>10.0f}{watch.resident[step]:>13.0f}")
    added = (max(watch.anonymous.values()) - base) / 1024
    verdict = "under" if added < limit_gb else "OVER"
    print(f"added at most {added:.2f} GB, {verdict} the limit of {limit_gb} GB")
    return watch.child.returncode or int(added >= limit_gb)


def main() -> int:
    """Generate, watch a child work, and judge."""
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--gb", type=float, default=2.0)
    ask.add_argument("--folder", type=Path, default=None, help="where the model is written")
    ask.add_argument("--limit-gb", type=float, default=0.5)
    ask.add_argument("--child", type=Path, default=None, help=argparse.SUPPRESS)
    given = ask.parse_args()
    if given.child:
        work(given.child)
        return 0
    folder = Path(tempfile.mkdtemp(prefix="mcompile-memory-", dir=given.folder))
    try:
        path = generate(folder, given.gb)
        return report(Watch([sys.executable, __file__, "--child", str(path)]), given.limit_gb)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
