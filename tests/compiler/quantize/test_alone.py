"""The noise of one layer alone is that of the program with only that layer on integers."""

from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.quantize.alone import noise_alone

from .nets import SCHEME, residual, samples

LAYERS = ["a0", "b", "c0", "y"]


@pytest.fixture(scope="module")
def planned():
    program = residual()
    return program, plan(program, observe(program, samples(program)), SCHEME)


def fed(program):
    return [s.feeds for s in samples(program, 3, seed=5)]


def sqnr_db(program, other, feeds):
    one, two = Oracle(program), Oracle(other)
    pairs = [(one.run(f)["y"].astype(np.float64), two.run(f)["y"]) for f in feeds]
    noise = sum(((a - b) ** 2).sum() for a, b in pairs)
    return 10 * np.log10(sum((a**2).sum() for a, _ in pairs) / noise)


def test_each_layer_is_as_noisy_as_the_program_with_it_alone_on_integers(planned):
    program, found = planned
    noise = noise_alone(program, found, SCHEME, fed(program))
    assert list(noise) == LAYERS
    handed = {"a0": "a", "c0": "c"}
    for name in LAYERS:
        node = next(n for n in program.graph.graph if n.outputs[0].name == name)
        tensors = {v.name for v in node.inputs[:2]}
        tensors |= {handed.get(name, name)} if node.op_type == "Conv" else set()
        one = replace(
            found,
            tensors={n: p for n, p in found.tensors.items() if n in tensors},
            left_float=dict.fromkeys((n for n in LAYERS if n != name), "float"),
        )
        wanted = sqnr_db(program, insert(program, one, SCHEME), fed(program))
        assert noise[name] == pytest.approx(wanted, abs=0.1), name


def test_a_coarser_layer_is_the_noisiest(planned):
    program, found = planned
    coarse = replace(found.tensors["w3"], scale=found.tensors["w3"].scale * np.float32(10))
    worse = replace(found, tensors={**found.tensors, "w3": coarse})
    noise = noise_alone(program, worse, SCHEME, fed(program))
    assert min(noise, key=lambda n: noise[n]) == "c0"


def test_layers_that_were_not_reached_in_time_count_as_exact(planned):
    program, found = planned
    answers = iter([False, True])
    noise = noise_alone(program, found, SCHEME, fed(program), stop=lambda: next(answers))
    assert noise["a0"] < 100
    assert [noise[n] for n in LAYERS[1:]] == [200.0] * 3


def test_float_layers_are_not_ranked(planned):
    program, found = planned
    kept = replace(found, left_float={"b": "kept float by request"})
    assert list(noise_alone(program, kept, SCHEME, fed(program))) == ["a0", "c0", "y"]


def test_a_result_that_is_not_finite_is_the_worst_there_is():
    program = graph.parse(
        """<ir_version: 9, opset_import: ["": 17]>
        net (float[1,4] x) => (float[1,4] y) { h = MatMul(x, w)
          y = Log(h) }""",
        {"w": np.eye(4, dtype=np.float32)},
    )
    graph.infer_shapes(program)
    feeds = [{"x": np.array([[1e-3, 1.0, 2.0, 300.0]], np.float32)}]
    tensors = observe(program, replace(samples(program), open=lambda: iter(
        [replace(next(iter(samples(program))), feeds=feeds[0])])))  # fmt: skip
    noise = noise_alone(program, plan(program, tensors, SCHEME), SCHEME, feeds)
    assert noise == {"h": -200.0}


@pytest.mark.parametrize("early", ["a", "x2"])
def test_an_output_that_is_made_before_the_layer_is_left_as_it_is(early):
    """Nothing that the layer does reaches it, and it need not be computed again."""
    program = residual()
    graph_of = program.graph.graph
    if early == "x2":
        doubled = ir.node("Add", [graph_of.inputs[0], graph_of.inputs[0]])
        doubled.outputs[0].name = early
        doubled.outputs[0].type, doubled.outputs[0].shape = (
            graph_of.inputs[0].type, graph_of.inputs[0].shape,
        )  # fmt: skip
        graph_of.insert_before(graph_of[0], doubled)
        graph_of.outputs.append(doubled.outputs[0])
    else:
        graph_of.outputs.append(next(v for n in graph_of for v in n.outputs if v.name == early))
    program = graph.program("two", program.graph)
    found = plan(program, observe(program, samples(program)), SCHEME)
    noise = noise_alone(program, found, SCHEME, fed(program))
    assert all(0 < noise[name] < 100 for name in ("b", "c0", "y"))
