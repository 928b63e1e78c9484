"""The ONNX standard's own test models, run before and after all rules."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
from onnx import helper, numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import DATA_DIR, load_model_tests

from mcompile import graph, registry, rules

KINDS = ("simple", "pytorch-converted", "pytorch-operator", "node")
TOLERANCE = {"float16": 2e-3, "float32": 1e-4, "float64": 1e-9}
"""Of the largest output; all other types must be equal."""

Given = Sequence[Any]
"""One value an input: an array, a TensorProto, a list of them, or None."""


def kinds() -> set[str]:
    """What this version of the standard has, `node` models being made by code."""
    return {*os.listdir(DATA_DIR), "node"}


@lru_cache(maxsize=1)
def cases() -> tuple[TestCase, ...]:
    """All of them, each under a name of its own."""
    found = {f"{kind}/{c.name}": c for kind in KINDS for c in load_model_tests(kind=kind)}
    return tuple(found[name] for name in sorted(found))


def share(shard: int, of: int) -> Iterator[TestCase]:
    """The cases of one shard; a case stays in its shard when others come and go."""
    return (c for c in cases() if zlib.crc32(c.name.encode()) % of == shard)


def content(case: TestCase) -> tuple[onnx.ModelProto, list[Given]]:
    """The model and its inputs, a row for each data set."""
    if case.model is not None:
        return case.model, [list(given) for given, _ in case.data_sets]
    model = onnx.load(Path(case.model_dir) / "model.onnx")
    folders = sorted(Path(case.model_dir).glob("test_data_set_*"))
    return model, [_stored(folder, model.graph.input) for folder in folders]


def networks() -> dict[str, Path]:
    """Whole networks of the standard, their weights made by nodes: the `light` models."""
    return {p.stem: p for p in sorted((Path(DATA_DIR) / "light").glob("*.onnx"))}


def _stored(folder: Path, inputs: Sequence[onnx.ValueInfoProto]) -> Given:
    files = [folder / f"input_{k}.pb" for k in range(len(list(folder.glob("input_*.pb"))))]
    return [_read(f.read_bytes(), v.type) for f, v in zip(files, inputs, strict=False)]


def _read(data: bytes, kind: onnx.TypeProto) -> Any:
    if kind.HasField("sequence_type"):
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind.HasField("optional_type"):
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return onnx.TensorProto.FromString(data)


def lowered(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with stamps that the runtime takes, where it asks for newer ones.

    Only before and after are compared, so an older definition of an op serves as well.
    """
    lower = onnx.ModelProto()
    lower.CopyFrom(model)
    for _ in range(2):
        try:
            _session(lower)
            break
        except Exception as error:  # onnxruntime raises a dozen unrelated classes
            if found := re.search(r"max supported IR version: (\d+)", str(error)):
                lower.ir_version = int(found[1])
            elif found := re.search(r"support for domain ai.onnx is till opset (\d+)", str(error)):
                _restamp(lower, int(found[1]))
    return lower


def _restamp(model: onnx.ModelProto, opset: int) -> None:
    ops = {n.op_type for n in _nodes(model.graph) if not n.domain}
    if all(onnx.defs.has(op, opset, "") for op in ops):
        for stamp in model.opset_import:
            stamp.version = opset if not stamp.domain else stamp.version


def _nodes(body: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in body.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def fixed(model: onnx.ModelProto, given: Given, first: int) -> onnx.ModelProto | None:
    """The model with its inputs from that one on made constants; None where there are none.

    An Identity makes each output: what a node of the model makes may then become a constant.
    """
    baked = onnx.ModelProto()
    baked.CopyFrom(model)
    baked.ir_version = max(baked.ir_version, 4)
    pairs = list(zip(model.graph.input, given, strict=False))[first:]
    known = {t.name for t in model.graph.initializer}
    made = [_constant(v, x) for v, x in pairs if v.type.HasField("tensor_type")]
    made = [t for t in made if t is not None and t.name not in known]
    if not made:
        return None
    baked.graph.initializer.extend(made)
    names = {t.name for t in made}
    kept = [v for v in model.graph.input if v.name not in names]
    del baked.graph.input[:]
    baked.graph.input.extend(kept)
    _detach_outputs(baked.graph)
    return baked


def _constant(value: onnx.ValueInfoProto, given: Any) -> onnx.TensorProto | None:
    whole = isinstance(given, onnx.TensorProto)
    tensor = onnx.TensorProto()
    tensor.CopyFrom(given if whole else numpy_helper.from_array(np.asarray(given)))
    tensor.name = value.name
    return tensor if tensor.data_type == value.type.tensor_type.elem_type else None


def _detach_outputs(body: onnx.GraphProto) -> None:
    outputs = {v.name: f"{v.name}_inner" for v in body.output if v.type.HasField("tensor_type")}
    made = {name for node in body.node for name in node.output}
    outputs = {old: new for old, new in outputs.items() if old in made}
    for node in body.node:
        if any(a.g.node or a.graphs for a in node.attribute):
            return  # a branch may read the value by its name
    for node in body.node:
        node.input[:] = [outputs.get(n, n) for n in node.input]
        node.output[:] = [outputs.get(n, n) for n in node.output]
    body.node.extend(helper.make_node("Identity", [new], [old]) for old, new in outputs.items())


def optimized(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """The model after all rules of all phases, and what went wrong in words."""
    program = graph.program("standard", ir.from_proto(model))
    wrong = []
    for _, chosen in rules.by_phase(registry.rules()):
        graph.infer_shapes(program)
        log = rules.run(program, chosen)
        wrong += [f"{u.rule} failed at {u.node}: {u.error}" for u in log.undone]
    return ir.to_proto(program.graph), wrong


def run(model: onnx.ModelProto, given: Given, names: Sequence[str]) -> dict[str, Any]:
    """The outputs of the model by name; `names` are those of what is given."""
    session = _session(model)
    wanted = {v.name for v in session.get_inputs()}
    feeds = {n: _plain(x) for n, x in zip(names, given, strict=False) if n in wanted}
    return dict(zip([v.name for v in session.get_outputs()], session.run(None, feeds), strict=True))


def _session(model: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    data = model.SerializeToString()
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _plain(given: Any) -> Any:
    """What the runtime takes: arrays of numpy's own types, text as objects."""
    if isinstance(given, list):
        return [_plain(x) for x in given]
    if given is None:
        return None
    data = numpy_helper.to_array(given) if isinstance(given, onnx.TensorProto) else given
    data = np.asarray(data)
    if data.dtype.kind in "US":
        return data.astype(object)
    if data.dtype.isbuiltin != 1:  # bfloat16 and the narrow types are another package's
        raise TypeError(f"numpy has no type {data.dtype}")
    return data


def difference(one: Any, other: Any) -> str:
    """How two outputs differ, in words; empty where they agree."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return next((d for a, b in zip(one, other, strict=True) if (d := difference(a, b))), "")
    if one is None or other is None or isinstance(one, list) or isinstance(other, list):
        return "" if one is other else "of another kind"
    a, b = np.asarray(one), np.asarray(other)
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return f"{b.dtype}{list(b.shape)} in place of {a.dtype}{list(a.shape)}"
    if a.dtype.kind not in "fc":
        return "" if np.array_equal(a, b) else f"{np.sum(a != b)} of {a.size} values differ"
    finite = np.isfinite(a)
    if (
        not np.array_equal(a[~finite], b[~finite], equal_nan=True)
        or (finite != np.isfinite(b)).any()
    ):
        return "NaN or infinite elsewhere"
    x, y = a[finite].astype(np.complex128), b[finite].astype(np.complex128)
    far = float(np.abs(x - y).max(initial=0))
    near = TOLERANCE.get(a.dtype.name, 1e-4) * float(np.abs(x).max(initial=0))
    return "" if far <= near else f"{far:.3g} off, of {np.abs(x).max():.3g}"
