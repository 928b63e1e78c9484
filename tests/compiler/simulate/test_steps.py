"""What is found to run on integers."""

from dataclasses import replace

import numpy as np

from mcompile import graph
from mcompile.simulate.steps import coded, steps

from .sandwiches import X86, Given, Out, codes, sandwich, weights

OPS = frozenset({"Conv", "MatMul", "Add", "Relu", "QuantizeLinear"})
OPEN = replace(X86, closed=frozenset())


def found(program, scheme=X86, ops=OPS):
    return list(steps(program.graph.graph, ops, scheme, lambda _: True))


def layer(rng):
    x = Given(codes(rng, "uint8", 1, 3, 6, 6), 0.03, 9)
    w = Given(weights(rng, 4, 3, 3, 3), rng.uniform(0.01, 0.02, 4), 0, 0, True)
    b = Given(np.arange(4, dtype=np.int32), np.float32(0.03) * w.vector, 0, 0, True)
    return [x, w, b]


def test_a_step_reads_codes_and_makes_codes():
    program, _ = sandwich("Conv", layer(np.random.default_rng(0)), Out("uint8", 0.5, 7))
    (step,) = found(program)
    assert [o.name for o in step.reads] == ["x0", "x1", "x2"]
    assert [o.constant is None for o in step.reads] == [True, False, False]
    assert (step.makes, step.gone) == ("y", ("o0",))
    assert step.out.params is not None
    assert int(step.out.params.zero_point) == 7


def test_activations_in_between_become_ends():
    reads = layer(np.random.default_rng(0))
    then = [("Relu", {}), ("Clip", {})]
    (step,) = found(sandwich("Conv", reads, Out("uint8", 0.5), then=then)[0])
    assert (step.out.low, step.out.high, step.gone) == (0.0, np.inf, ("o0", "o1", "o2"))


def test_an_op_of_a_float_operand_is_none():
    text = """<ir_version: 9, opset_import: ["": 19]>
    net (uint8[4,4] x, float[4,4] f) => (uint8[4,4] y) {
      r = DequantizeLinear (x, s, z)
      o = Add (r, f)
      y = QuantizeLinear (o, s, z)
    }"""
    scale = {"s": np.asarray(0.5, np.float32), "z": np.asarray(3, np.uint8)}
    program = graph.parse(text, scale)
    assert [s.node.op_type for s in found(program)] == ["QuantizeLinear"]


def test_a_result_that_others_read_in_floats_is_none():
    text = """<ir_version: 9, opset_import: ["": 19]>
    net (uint8[4,4] x) => (uint8[4,4] y, float[4,4] o) {
      r = DequantizeLinear (x, s, z)
      o = Add (r, r)
      y = QuantizeLinear (o, s, z)
    }"""
    scale = {"s": np.asarray(0.5, np.float32), "z": np.asarray(3, np.uint8)}
    assert not found(graph.parse(text, scale), ops=OPS - {"QuantizeLinear"})


def test_only_open_ops_hand_on_floats():
    program, _ = sandwich("Conv", layer(np.random.default_rng(0)), None)
    assert not found(program)
    (step,) = found(program, OPEN)
    assert (step.makes, step.out.params) == ("y", None)


def test_codes_are_behind_a_dq_alone():
    program, _ = sandwich("Conv", layer(np.random.default_rng(0)), Out("uint8", 0.5))
    node = next(n for n in program.graph.graph if n.op_type == "Conv")
    assert coded(node.inputs[0]) is not None
    assert coded(node.outputs[0]) is None
