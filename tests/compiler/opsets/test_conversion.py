"""The walk over a graph: branches, names, refusals, and the standard's own test models."""

from __future__ import annotations

import importlib
from functools import lru_cache

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx.backend.test.case import node
from onnx.backend.test.case.test_case import TestCase

from mcompile import graph
from mcompile.errors import LoweringError
from mcompile.invariants import invariants
from mcompile.opsets.versions import converted
from mcompile.oracle import Oracle
from mcompile.types import Program

HEAD = '<ir_version: 9, opset_import: ["": 20, "own": 1]> n'


def program(text: str, **weights: object) -> Program:
    return graph.parse(f"{HEAD} {text}", {n: np.asarray(w) for n, w in weights.items()})


def ops(made: Program) -> list[str]:
    return [n.op_type for n in made.graph.graph.all_nodes()]


def test_names_stay_and_new_ones_are_unique() -> None:
    made = program(
        "(float[2,3] x) => (float[2,3] y, float[2,3] z)"
        " { y = Gelu(x) \n a = Mish(y) \n z = LayerNormalization(a, s) }",
        s=np.ones(3, np.float32),
    )
    lower = converted(made, 13)
    invariants(lower)
    assert (lower.inputs, lower.outputs) == (made.inputs, made.outputs)
    assert "s" in lower.graph.graph.initializers
    names = [n.name for n in lower.graph.graph]
    assert len(set(names)) == len(names)


def test_an_op_of_another_domain_is_left_alone() -> None:
    made = program("(float[2] x) => (float[2] y) { y = own.Gelu <approximate = 3> (x) }")
    for version in (13, 25):
        assert ops(converted(made, version)) == ["Gelu"]


def test_branches_within_branches_are_converted() -> None:
    made = program(
        "(float[2,3] x, bool c) => (float[2,3] y) { y = If (c) <"
        " then_branch = f () => (p) { p = If (c) <"
        "   then_branch = g () => (q) { q = Gelu(x) }, else_branch = h () => (r) { r = Neg(x) }> },"
        " else_branch = i () => (s) { k = Constant <value_ints = [1]> () \n"
        "   t = ReduceMean (x, k) \n s = Sub (x, t) }> }"
    )
    lower = converted(made, 13)
    invariants(lower)
    assert "Gelu" not in ops(lower)
    data = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    for condition in (True, False):
        feeds = {"x": data, "c": np.array(condition)}
        want, got = (Oracle(p).run(feeds)["y"] for p in (made, lower))
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_a_loop_is_converted() -> None:
    made = program(
        "(float[2,3] x) => (float[2,3] y) { y = Loop (n, t, x) <"
        " body = b (int64 i, bool go, float[2,3] a) => (bool on, float[2,3] c) {"
        " on = Identity(go) \n c = Mish(a) }> }",
        n=np.int64(3),
        t=np.array(True),
    )
    lower = converted(made, 17)
    assert "Mish" not in ops(lower)
    feeds = {"x": np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)}
    want, got = (Oracle(p).run(feeds)["y"] for p in (made, lower))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_an_op_read_twice_and_by_a_branch_is_replaced_for_all() -> None:
    made = program(
        "(float[4] x, bool c) => (float[4] y) { a = Gelu(x) \n b = Add(a, a) \n"
        " y = If (c) <then_branch = f () => (p) { p = Add(a, b) },"
        " else_branch = g () => (q) { q = Identity(a) }> }"
    )
    lower = converted(made, 15)
    feeds = {"x": np.arange(4, dtype=np.float32), "c": np.array(True)}
    want, got = (Oracle(p).run(feeds)["y"] for p in (made, lower))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_a_body_that_hands_an_input_on_goes_through_an_identity() -> None:
    made = program("(float[4] x) => (float[4] y) { y = CastLike(x, x) }")
    lower = converted(made, 14)
    feeds = {"x": np.arange(4, dtype=np.float32)}
    np.testing.assert_array_equal(Oracle(lower).run(feeds)["y"], feeds["x"])


def test_a_refusal_names_the_node_the_op_and_the_ways_out() -> None:
    made = program("(float[1,8,1] x) => (y) { k = Constant <value_int = 2> () \n y = STFT (x, k) }")
    made.graph.graph[-1].name = "spectrum"
    with pytest.raises(LoweringError, match="STFT cannot be written in operator set 16") as caught:
        converted(made, 16)
    assert caught.value.where == "the node spectrum"
    assert "choose a target" in caught.value.fix


def test_a_refusal_within_what_an_op_stands_for_names_both() -> None:
    made = program("(float[2] x, float8e4m3fn t) => (y) { y = CastLike (x, t) }")
    with pytest.raises(LoweringError, match=r"CastLike cannot .*; written out, Cast cannot"):
        converted(made, 18)


def test_an_op_with_branches_is_not_written_out() -> None:
    made = program(
        "(seq(float[2]) x) => (seq(float[2]) y) { y = SequenceMap (x) <"
        " body = b (float[2] e) => (float[2] f) { f = Neg(e) }> }"
    )
    with pytest.raises(LoweringError, match="SequenceMap"):
        converted(made, 16)


OPS = {
    "AffineGrid": "affinegrid",
    "CenterCropPad": "center_crop_pad",
    "Gelu": "gelu",
    "GridSample": "gridsample",
    "GroupNormalization": "groupnormalization",
    "HardSwish": "hardswish",
    "LayerNormalization": "layernormalization",
    "Mish": "mish",
    "Pad": "pad",
    "RMSNormalization": "rmsnormalization",
    "ReduceL2": "reducel2",
    "Resize": "resize",
    "RotaryEmbedding": "rotaryembedding",
    "ScatterND": "scatternd",
    "Shape": "shape",
    "Split": "split",
    "Swish": "swish",
    "Trilu": "trilu",
}


@lru_cache(maxsize=1)
def cases() -> dict[str, TestCase]:
    """The standard's own test models of those ops, as far as they are of the sets that are read."""
    for module in OPS.values():
        importlib.import_module(f"{node.__name__}.{module}")  # which registers its models
    chosen = (c for c in node._NodeTestCases if {n.op_type for n in c.model.graph.node} & {*OPS})
    return {c.name: c for c in chosen if 13 <= c.model.opset_import[0].version <= 25}


def _session(model: onnx.ModelProto) -> ort.InferenceSession | None:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        return ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception:  # a model that this runtime has no kernels for
        return None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("version", [13, 17, 25])
def test_the_models_of_the_standard_compute_what_they_did(version: int) -> None:
    equal = refused = 0
    for name, case in cases().items():
        source = _session(case.model)
        if source is None:
            continue
        try:
            made = converted(graph.program(name, ir.from_proto(case.model)), version)
        except LoweringError:
            refused += 1
            continue
        session = _session(ir.to_proto(made.graph))
        if session is None:  # the runtime does not have every op of the newest set
            assert version == 25, name
            continue
        names = [i.name for i in session.get_inputs()]
        feeds = {n: np.asarray(a) for n, a in zip(names, case.data_sets[0][0], strict=True)}
        want = source.run(None, feeds)
        for found, expected in zip(session.run(None, feeds), want, strict=True):
            _compare(name, found, expected)
        equal += 1
    assert equal > 3 * refused


def _compare(name: str, found: object, expected: object) -> None:
    if isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            _compare(name, one, other)
    elif np.asarray(expected).dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3, err_msg=name)
    else:
        np.testing.assert_array_equal(found, expected, err_msg=name)
