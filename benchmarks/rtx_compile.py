"""What NVIDIA's own compiler says to our TensorRT graphs: accepted or refused, time and memory.

    python benchmarks/rtx_compile.py [--cache DIR] [--zoo DIR] [--only NAME...]
                                     [--capability CC...]

Every model of the conformance suite (tests/backends/models.py), every trained network that
benchmarks/quantization.py has laid out in its cache, and torchvision's ResNet-18 as
benchmarks/zoo.py has exported it are optimized as a build does it, and compiled by TensorRT-RTX for
a GPU that is not here: in FP16, and in INT8 by the plan of each TensorRT scheme, with halves beside
the integers; for Turing by the backend's own plan as well. Seconds and peak memory are those of the
compiler's own process, its start and the parser in them. A refusal is told in the compiler's words,
with the node; the exit code is 1 where there is one.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from quantization_contest.data import table

from mcompile import graph
from mcompile.backends.tensorrt_rtx import TensorrtRtx, builder
from mcompile.backends.tensorrt_rtx.capabilities import NAMES, TURING
from mcompile.backends.tensorrt_rtx.compilation import compiled
from mcompile.backends.tensorrt_rtx.layers import described
from mcompile.errors import CompileError
from mcompile.optimizer import at_opset, optimize
from mcompile.profile import Device, Target
from mcompile.quantize import half, insert, observe, plan
from mcompile.quantize.rest import rest
from mcompile.reference import random_feeds
from mcompile.schemes.tensorrt import TENSORRT_8, TENSORRT_10
from mcompile.specialize import specialized
from mcompile.types import Feeds, Precision, Program, Sample, Samples, Scheme

_CACHE = Path.home() / ".cache" / "mcompile-quantization"
_ZOO = Path.home() / ".cache" / "mcompile-zoo"
_SUITE = Path(__file__).parents[1] / "tests" / "backends" / "models.py"
_SCHEMES = {"int8 of 8.x": TENSORRT_8, "int8 of 10.x": TENSORRT_10}
_OWN = "int8 of RTX"
_SAMPLES = 32
_HEAD = ("network", "form", "GPU", "opset", "seconds", "peak MB", "engine MB", "multiplies",
         "verdict")  # fmt: skip


@dataclass(frozen=True)
class Network:
    """A program as a build optimizes it, and what it is calibrated with."""

    name: str
    program: Program
    samples: Samples


def main() -> int:
    """Print a row for every graph that was compiled; 1 where one was refused."""
    given = _parser().parse_args()
    print(f"TensorRT-RTX {builder.version()}: no GPU is needed\n")
    print(_row(_HEAD), _row(["---"] * len(_HEAD)), sep="\n", flush=True)
    refused = 0
    for network in _networks(given):
        for form, program, capabilities in _forms(network, given.capability):
            for capability in capabilities:
                cells, fine = _compile(program, capability)
                refused += not fine
                print(_row([network.name, form, capability, *cells]), flush=True)
    print(f"\n{refused} refused")
    return 1 if refused else 0


def _parser() -> argparse.ArgumentParser:
    ask = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    ask.add_argument("--cache", type=Path, default=_CACHE, help="of benchmarks/quantization.py")
    ask.add_argument("--zoo", type=Path, default=_ZOO, help="of benchmarks/zoo.py")
    ask.add_argument("--only", nargs="+", default=[], metavar="NAME", help="of the networks")
    ask.add_argument("--capability", nargs="+", default=["8.9"], choices=NAMES, metavar="CC",
                     help="of the GPU: " + " ".join(NAMES))  # fmt: skip
    return ask


def _networks(given: argparse.Namespace) -> Iterator[Network]:
    suite = _suite()
    for name in suite.MODELS:
        if not given.only or name in given.only:
            program = suite.build(name)
            yield Network(name, _better(program), suite.noise(program))
    for path in sorted(given.cache.glob("trained/*/model.onnx")):
        if not given.only or path.parent.name in given.only:
            yield _trained(path)
    resnet = given.zoo / "resnet18" / "raw.onnx"
    if resnet.exists() and (not given.only or "resnet18" in given.only):
        program = _better(graph.load(resnet, "resnet18"))
        yield Network("resnet18", program, _seeded(program))


def _suite() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance_models", _SUITE)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def _trained(path: Path) -> Network:
    rows = table(path.with_name("calibration.npz"), path, _SAMPLES)
    samples = Samples(path.parent.name, lambda: map(Sample, rows.each()), len(rows))
    program = _bounded(graph.load(path, path.parent.name), next(iter(samples)).feeds)
    return Network(path.parent.name, _better(program), samples)


def _bounded(program: Program, feeds: Feeds) -> Program:
    """The program with free sizes behind the leading ones as in that sample, as a user must say."""
    sizes = {
        dim: size
        for port in program.inputs
        for dim, size in list(zip(port.shape, feeds[port.name].shape, strict=True))[1:]
        if isinstance(dim, str)
    }
    return specialized(program, sizes) if sizes else program


def _seeded(program: Program) -> Samples:
    def stream() -> Iterator[Sample]:
        return (Sample(random_feeds(program, seed, 1)) for seed in range(_SAMPLES))

    return Samples("seeded random inputs", stream, _SAMPLES)


def _better(program: Program) -> Program:
    raised, _ = at_opset(program)
    better, _ = optimize(raised, runtime="tensorrt")
    return better


def _forms(
    network: Network, capabilities: Sequence[str]
) -> Iterator[tuple[str, Program, Sequence[str]]]:
    """Each form and the GPUs that it is compiled for.

    The backend's own scheme differs from that of TensorRT 10 on Turing alone.
    """
    program, samples = network.program, network.samples
    yield "fp16", half(program, Precision.FP16, samples)[0], capabilities
    ranges = observe(program, samples)
    turing = [name for name in capabilities if name == TURING]
    own = TensorrtRtx().scheme_on(_target(TURING))
    schemes = _SCHEMES | ({_OWN: own} if turing else {})
    for name, scheme in schemes.items():
        wanted: Scheme = replace(scheme, rest="float16")
        quantized = insert(program, plan(program, ranges, wanted), wanted)
        made, _ = rest(quantized, wanted, ranges, samples)
        yield name, made, turing if name == _OWN else capabilities


def _target(capability: str) -> Target:
    device = Device("x86_64", compute_capability=capability)
    return Target("gpu", "a GPU", "tensorrt_rtx", Precision.INT8, device)


def _compile(program: Program, capability: str) -> tuple[list[str], bool]:
    """The cells of a row, and whether there is an engine."""
    opset = str(graph.opset(program))
    with tempfile.TemporaryDirectory() as folder:
        model, engine = Path(folder) / "model.onnx", Path(folder) / "model.engine"
        graph.save(program, model)
        began = time.perf_counter()
        try:
            found = compiled(model, [capability], program, engine)
        except CompileError as error:
            told = [opset, f"{time.perf_counter() - began:.2f}", "-", "-"]
            return [*told, f"refused: {error.where}"], False
        size = engine.stat().st_size / 1e6
    told = [f"{found.seconds:.2f}", f"{found.peak_mb:.0f}", f"{size:.2f}"]
    told.append(described(found.products))
    return [opset, *told, "accepted"], True


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
