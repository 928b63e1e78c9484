"""ONNX Runtime on CPUs: float, half precision, integer Q/DQ, dynamic and weight-only integers."""

from __future__ import annotations

import json
import platform
import re
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import onnx_ir as ir
import onnxruntime as ort
from packaging.specifiers import SpecifierSet

from mcompile import nbits
from mcompile.backend import Backend, Executor
from mcompile.errors import CompileError, ContractError, LoweringError
from mcompile.files import hashed
from mcompile.graph import array, clone, constant, is_constant, name_of, opset, save
from mcompile.profile import Target
from mcompile.record import Layer
from mcompile.schemes.onnxruntime import ONNXRUNTIME_ARM, ONNXRUNTIME_AVX2, ONNXRUNTIME_VNNI
from mcompile.types import Artifact, Contract, Feeds, Precision, Program, Scheme

_FILE = "model.onnx"
_IR_VERSION = 10
# The newest opset that a release reads, and the release (onnxruntime's own compatibility table).
_READS = {
    13: "1.7",
    14: "1.8",
    15: "1.10",
    16: "1.11",
    17: "1.13",
    18: "1.14",
    19: "1.16",
    20: "1.17",
    21: "1.18",
}
# The release that first multiplies by such weights: 8 bits came with 1.22, on Arm with 1.23.
_NBITS = {Precision.INT8_WEIGHTS: "1.23", Precision.INT4_WEIGHTS: "1.20"}

_TYPES = {"uint8": "int8", "int8": "int8", "float16": "fp16", "bfloat16": "bf16", "float": "fp32"}
_CONVERSIONS = {"Cast", "DequantizeLinear", "DynamicQuantizeLinear", "QuantizeLinear"}
# They read floats and make integers of them before they multiply.
_QUANTIZES = {"DynamicQuantizeLSTM", "DynamicQuantizeMatMul"}
_X86 = {"x86_64", "AMD64"}
# How the runtime says which node it means; of an op that nobody registered it names the op alone.
_NAMES = (
    r"[Nn]ode[ :]*\(?(?P<node>[^)\s]+)\)?,? Op[ :]*\(?(?P<op>\w+)",
    r"[Nn]ode, \(\"(?P<node>[^\"]*)\", (?P<op>\w+)",
    r"operator \((?P<op>\w+)\) in node \((?P<node>[^)]*)\)",
    r"implementation for (?P<op>\w+)\(\d+\) node with name '(?P<node>[^']*)'",
    r"(?P<op>\w+)\(-?\d+\) is not a registered",
)


class Onnxruntime(Backend):
    """Writes `model.onnx` and runs it on the CPU."""

    name: ClassVar[str] = "onnxruntime"
    title: ClassVar[str] = "ONNX Runtime (CPU)"
    precisions: ClassVar[frozenset[Precision]] = frozenset(
        {
            Precision.FP32,
            Precision.FP16,
            Precision.INT8,
            Precision.INT8_DYNAMIC,
            Precision.INT8_WEIGHTS,
            Precision.INT4_WEIGHTS,
        }
    )
    scheme: ClassVar[Scheme] = ONNXRUNTIME_VNNI

    def scheme_on(self, target: Target) -> Scheme:
        """The same arithmetic, with the saturation that x86 without VNNI adds to it."""
        if target.device.arch != "x86_64":
            return ONNXRUNTIME_ARM
        exact = {"avx512_vnni", "avx_vnni", "amx_int8"} & set(target.device.isa)
        return ONNXRUNTIME_VNNI if exact else ONNXRUNTIME_AVX2

    def lower(self, program: Program, target: Target, out: Path) -> Artifact:
        """Write `model.onnx` (and `model.onnx.data` above 128 MiB of weights) under `out`."""
        built = clone(program)
        if target.precision is Precision.INT8:
            _widen_biases(built)
        if target.precision in _NBITS:
            nbits.fuse(built)
        cap = target.runtime.max_ir_version or _IR_VERSION
        built.graph.ir_version = min(built.graph.ir_version or cap, cap)
        save(built, out / _FILE)
        _session(out / _FILE, ort.SessionOptions(), LoweringError, built)
        return Artifact(
            backend=self.name,
            precision=target.precision,
            files=hashed(out, sorted(p.name for p in out.glob(f"{_FILE}*"))),
            inputs=built.inputs,
            outputs=built.outputs,
            contract=_contract(target, opset(built)),
            tools={"onnxruntime": ort.__version__, "onnx-ir": ir.__version__},
        )

    def open(self, artifact: Artifact, folder: Path, threads: int | None = None) -> Executor:
        """A session on the CPU provider with every optimization on."""
        return _Session(folder / artifact.files[0].path, threads)


def _widen_biases(program: Program) -> None:
    """Give the bias after each integer MatMul the rank of its output: [N] becomes [1, .., N].

    A vector is merged into a Gemm before the runtime looks for Q/DQ, and a Gemm of float output
    dequantizes its whole weight at every run: 3.5 times slower on a small transformer.
    """
    graph = program.graph.graph
    for node in [n for n in graph if n.op_type == "Add"]:
        for index, bias in enumerate(node.inputs):
            other = node.inputs[1 - index]
            maker = other.producer() if other is not None else None
            rank = other.shape.rank() if other is not None and other.shape is not None else 0
            data = array(bias) if is_constant(bias) else None
            wide = maker is not None and maker.op_type == "MatMul" and rank > 2
            if wide and data is not None and data.ndim == 1:
                widened = data.reshape([1] * (rank - 1) + [-1])
                node.replace_input_with(index, constant(graph, name_of(bias), widened))


def _contract(target: Target, opset_used: int) -> Contract:
    known = [version for newest, version in _READS.items() if newest >= opset_used]
    oldest = known[0] if known else ".".join(ort.__version__.split(".")[:2])
    device = target.device
    kernels = f">={_NBITS[target.precision]}" if target.precision in _NBITS else ""
    asked = ",".join(filter(None, (target.runtime.versions, f">={oldest}", kernels)))
    versions = str(SpecifierSet(asked))  # each bound once
    return Contract("onnxruntime", versions, device.arch, device.isa, opset_used)


class _Session(Executor):
    def __init__(self, path: Path, threads: int | None) -> None:
        self._path, self._threads = path, threads
        self._session: Any = _session(path, self._options(), ContractError)
        self._outputs = [o.name for o in self._session.get_outputs()]

    def _options(self) -> ort.SessionOptions:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads or 0
        return options

    def run(self, feeds: Feeds) -> Feeds:
        try:
            found = self._session.run(self._outputs, dict(feeds))
        except Exception as error:  # onnxruntime raises a dozen unrelated classes
            raise LoweringError(
                "the runtime cannot run this artifact on these inputs",
                where=_node_in(error),
                fix="compare names, types and shapes with `mcompile inspect MODEL`",
            ) from error
        return dict(zip(self._outputs, found, strict=True))

    def close(self) -> None:
        self._session = None

    def layers(self, feeds: Feeds, runs: int) -> Sequence[Layer]:
        """Kernel times from the runtime's own profiler, in a session of its own."""
        with tempfile.TemporaryDirectory() as folder:
            options = self._options()
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(folder) / "profile")
            session = _session(self._path, options, ContractError)
            for _ in range(runs + 1):
                session.run(self._outputs, dict(feeds))
            events = json.loads(Path(session.end_profiling()).read_text())
        return _layers(events, runs)


def _layers(events: Sequence[dict[str, Any]], runs: int) -> list[Layer]:
    """Mean time of each kernel over the last `runs` runs, in order of execution."""
    times: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for event in events:
        name = event.get("name", "")
        if event.get("cat") == "Node" and name.endswith("_kernel_time"):
            op, precision = event["args"].get("op_name", "?"), _computes_in(event["args"])
            times[name.removesuffix("_kernel_time"), op, precision].append(event["dur"] / 1e3)
    return [
        Layer(name, op, sum(t[-runs:]) / len(t[-runs:]), precision=precision)
        for (name, op, precision), t in times.items()
    ]


def _computes_in(told: Mapping[str, Any]) -> str:
    """What a kernel computes in, by its op and the types that it reads; empty where they hide it.

    The weight of a MatMulNBits is not among them where it was packed for the kernel that it asks
    for, which on x86 is always one of 8-bit sums (`matmul_nbits.cc`, `GetComputeType`).
    """
    op, types = (
        told.get("op_name", ""),
        [t for each in told.get("input_type_shape", ()) for t in each],
    )
    if not types or op in _CONVERSIONS:
        return ""
    if op == "MatMulNBits":
        packed = "uint8" not in types
        return "fp32" if not packed else "int8" if platform.machine() in _X86 else ""
    return "int8" if op in _QUANTIZES else _TYPES.get(types[0], "")


def _session(
    path: Path, options: ort.SessionOptions, kind: type[CompileError], source: Program | None = None
) -> Any:
    """A session on the file; `source` is what it was written from, where that is at hand."""
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen unrelated classes
        raise kind(
            "onnxruntime cannot load this model",
            where=_node_in(error, source) or path.name,
            fix="`mcompile explain LoweringError` lists the ways out",
        ) from error


def _node_in(error: Exception, source: Program | None = None) -> str:
    """Node and op where onnxruntime names either, and the first line of what it says."""
    message = _first_line(error)
    found = next(filter(None, (re.search(pattern, message) for pattern in _NAMES)), None)
    if found is None:
        return message
    op, name = found["op"], found.groupdict().get("node") or ""
    nodes = [n for n in source.graph.graph if n.op_type == op] if source and not name else []
    if nodes:
        name = nodes[0].name or name_of(nodes[0].outputs[0])
    return f"node {name} ({op}): {message}" if name else message


def _first_line(error: Exception) -> str:
    """What the error says, without the folder that the file was written in for the time being."""
    line = (str(error).strip().splitlines() or ["no message"])[0]
    return re.sub(r"Load model from .*? failed: ?", "", line)[:300]
