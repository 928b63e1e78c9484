"""Small programs under a scheme: what is planned, and where the pairs stand, as lines of text."""

import numpy as np
import onnx
import onnx_ir as ir

from mcompile import graph
from mcompile.quantize import insert, observe, plan
from mcompile.types import Sample, Samples


def parsed(text, weights=(), opset=17):
    """The program of that ONNX text; a tuple as a weight is a shape, filled with seeded noise."""
    rng = np.random.default_rng(0)
    made = {
        name: rng.standard_normal(given).astype(np.float32) if isinstance(given, tuple) else given
        for name, given in dict(weights).items()
    }
    program = graph.parse(f'<ir_version: 9, opset_import: ["": {opset}]>\n{text}', made)
    graph.infer_shapes(program)
    return program


def seen(program, count=6):
    """Ranges over seeded normal inputs."""

    def stream():
        rng = np.random.default_rng(1)
        for _ in range(count):
            yield Sample(
                {p.name: rng.standard_normal(p.shape).astype(p.dtype) for p in program.inputs}
            )

    return observe(program, Samples("seeded noise", stream, count))


def planned(text, weights, scheme, **options):
    """The program and its plan."""
    program = parsed(text, weights)
    return program, plan(program, seen(program), scheme, **options)


def activations(found):
    """The tensors with one scale, by name: scale and zero point."""
    return {
        n: (float(p.scale), int(p.zero_point)) for n, p in found.tensors.items() if p.axis is None
    }


def drawn(program, found, scheme):
    """The program with its pairs, a line for each other node: `[x]` was dequantized, `{w}` is real
    but went through a pair of its own, and a line `-> [y]` for each output."""
    written = insert(program, found, scheme)
    onnx.checker.check_model(ir.to_proto(written.graph), full_check=True)
    lines = [
        f"{_plain(n.outputs[0].name)} = {n.op_type}({', '.join(map(_said, n.inputs))})"
        for n in written.graph.graph
        if not n.op_type.endswith("Linear")
    ]
    return lines + [f"-> {_said(v)}" for v in written.graph.graph.outputs]


def _said(value):
    maker = value.producer()
    if maker is None or maker.op_type != "DequantizeLinear":
        return _plain(value.name)
    coded = maker.inputs[0]
    quantizer = coded.producer()
    if quantizer is None:
        return f"[{_plain(coded.name)}]"
    source = quantizer.inputs[0]
    marks = "{}" if source.is_initializer() else "[]"
    return marks[0] + _plain(source.name) + marks[1]


def _plain(name):
    return name.split(".")[0]
