"""A model written in a line, lowered, and run with each set of the runtime's kernels."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from mcompile import graph
from mcompile.backends.litert import Litert
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


def worst(program, data, feeds):
    """The largest error of any output over those inputs, run one after the other."""
    oracle, most = Oracle(program), 0.0
    for kernels in KERNELS:
        runner = Interpreter(model_content=data, experimental_op_resolver_type=kernels)
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
                assert got.shape == want.shape
                most = max(most, float(np.abs(got - want).max()))
    return most
