"""A model written in a line, lowered, and run with each set of the runtime's kernels."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from mcompile import graph
from mcompile.backends.litert import Litert
from mcompile.errors import LoweringError
from mcompile.oracle import Oracle
from mcompile.profile import Device, Runtime, Target
from mcompile.types import Precision

KERNELS = (
    OpResolverType.AUTO,
    OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    OpResolverType.BUILTIN_REF,
)


def target(precision=Precision.FP32, **runtime):
    device = Device(arch="x86_64")
    return Target("desk", "this machine", "litert", precision, device, Runtime(**runtime))


def drawn(seed=0, gain=0.4, **shapes):
    rng = np.random.default_rng(seed)
    return {n: (gain * rng.standard_normal(s)).astype(np.float32) for n, s in shapes.items()}


def parsed(signature, body, constants=None, opset=17):
    header = f'<ir_version: 9, opset_import: ["": {opset}]>'
    made = graph.parse(f"{header}\nm {signature} {{ {body} }}", constants or {}, "m")
    graph.infer_shapes(made)
    return made


def written(program, **given):
    """The file's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        Litert().lower(program, target(**given), Path(folder))
        return (Path(folder) / "model.tflite").read_bytes()


def ops(data):
    found = Interpreter(model_content=data, experimental_op_resolver_type=KERNELS[1])
    return [each["op_name"] for each in found._get_ops_details()]


def worst(program, data, feeds, sets=KERNELS):
    """The largest error of any output over those inputs, run one after the other."""
    oracle, most = Oracle(program), 0.0
    for kernels in sets:
        runner = _runner(data, kernels)
        if runner is None:
            continue
        ports = runner._get_full_signature_list()["serving_default"]
        for each in feeds:
            for name, array in each.items():
                runner.resize_tensor_input(ports["inputs"][name], array.shape)
            runner.allocate_tensors()
            for name, array in each.items():
                runner.set_tensor(ports["inputs"][name], array)
            runner.invoke()
            for name, want in oracle.run(each).items():
                got = runner.get_tensor(ports["outputs"][name])
                assert (got.shape, got.dtype) == (want.shape, want.dtype)
                np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
                met = np.isfinite(want)
                apart = np.abs(got[met].astype(np.float64) - want[met].astype(np.float64))
                most = max(most, float(apart.max(initial=0)))
    return most


def _runner(data, kernels):
    """None for an operator that has no reference kernel, as ELU has none."""
    try:
        return Interpreter(model_content=data, experimental_op_resolver_type=kernels)
    except ValueError as error:
        if kernels is not OpResolverType.BUILTIN_REF or "Didn't find op" not in str(error):
            raise
        return None


def model(given, body, made="float y", *, opset=20, **stored):
    """A program whose outputs have the shapes that are inferred, where none is said."""
    header = f'<ir_version: 9, opset_import: ["": {opset}]>'
    found = graph.parse(f"{header}\nm ({given}) => ({made}) {{ {body} }}", stored, "m")
    for value in found.graph.graph.outputs:
        value.shape = value.shape if graph.dims(value) else None
    graph.infer_shapes(found)
    return graph.program("m", found.graph)


def fed(program, batch=1, seed=0):
    """Numbers drawn for each input; a free size is `batch`."""
    rng, found = np.random.default_rng(seed), {}
    for port in program.inputs:
        shape = tuple(batch if isinstance(d, str) else d for d in port.shape)
        whole = rng.integers(0, 2, shape)
        drawn_real = rng.standard_normal(shape)
        found[port.name] = (drawn_real if "float" in port.dtype else whole).astype(port.dtype)
    return found


def agree(program, far=1e-5, batches=(1,), feeds=None):
    """The operators, in order; that all kernels make what ONNX Runtime makes is asserted."""
    data = written(program)
    assert worst(program, data, feeds or [fed(program, b) for b in batches]) < far
    return ops(data)


def refused(program, what):
    """That the program is refused with a place and a way out."""
    with pytest.raises(LoweringError, match=what) as caught:
        written(program)
    assert caught.value.where.startswith("node ")
    assert caught.value.fix


def turns(body, far=1e-4, **more):
    """TRANSPOSEs around what makes `d` of `c`, both between convolutions of 4 channels."""
    stored = drawn(5, 1.0, w=(4, 3, 1, 1), v=(2, 4, 1, 1)) | more
    text = f"c = Conv (x, w)\n{body}\ny = Conv (d, v)"
    return agree(model("float[2,3,6,6] x", text, **stored), far).count("TRANSPOSE")


def missing(table, *bodies):
    """Ops of a table that none of the texts has."""
    text = "\n".join(bodies)
    return [op for op in table if not re.search(rf"= {op}\b", text)]
