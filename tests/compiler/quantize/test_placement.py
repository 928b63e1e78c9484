"""Who is on integers under an open scheme, and under one of integers only."""

from dataclasses import replace

import pytest

from mcompile import graph
from mcompile.quantize import observe
from mcompile.quantize.placement import place
from mcompile.schemes.litert import LITERT_INT8
from mcompile.schemes.tensorrt import TENSORRT_10

from .nets import SCHEME, residual, samples


@pytest.fixture(scope="module")
def observed():
    program = residual()
    return program.graph.graph, observe(program, samples(program))


def names(nodes):
    return [n.outputs[0].name for n in nodes]


def test_an_open_scheme_takes_layers_and_what_they_carry(observed):
    placed = place(*observed[:1], SCHEME, observed[1], frozenset())
    assert names(placed.weighted) == ["a0", "b", "c0", "y"]
    assert names(placed.carried) == ["s", "p"]
    assert placed.readers == []
    assert placed.left == {}


def test_integers_only_take_everything_but_what_is_absorbed(observed):
    placed = place(*observed[:1], LITERT_INT8, observed[1], frozenset())
    assert names(placed.weighted) == ["a0", "b", "c0", "y"]
    assert names(placed.carried) == ["s", "p", "g", "f"]
    assert {v.name for v in placed.values(LITERT_INT8, observed[1])} == {*"xabspcgfy"}


def test_a_scheme_of_inputs_reads_pools_and_one_branch(observed):
    wide = replace(TENSORRT_10, least_channels=0, skips_vectors=False)
    placed = place(*observed[:1], wide, observed[1], frozenset())
    assert names(placed.weighted) == ["a0", "b", "c0", "y"]
    assert names(placed.readers) == ["s", "p", "g"]
    assert {v.name for v in placed.values(wide, observed[1])} == {*"xaspcf"}


def test_a_carried_op_joins_only_among_integers(observed):
    nodes = {n.outputs[0].name: n for n in observed[0]}
    placed = place(*observed[:1], SCHEME, observed[1], frozenset({nodes["b"]}))
    assert names(placed.carried) == []
    assert placed.left == {"b": "kept float by request"}


def test_ops_that_a_scheme_never_takes_stay_float(observed):
    for scheme in (SCHEME, LITERT_INT8):
        narrow = replace(scheme, never=frozenset({"Gemm"}))
        placed = place(*observed[:1], narrow, observed[1], frozenset())
        assert "y" not in names(placed.weighted)
    assert placed.left == {"y": "the runtime keeps Gemm float"}


def test_a_node_may_be_taken_out_again(observed):
    placed = place(*observed[:1], LITERT_INT8, observed[1], frozenset())
    placed.leave(placed.carried[0], "because")
    assert names(placed.carried) == ["p", "g", "f"]
    assert placed.left == {"s": "because"}


def test_ops_of_other_domains_stay_float():
    program = graph.parse(
        """<ir_version: 9, opset_import: ["": 17, "own": 1]>
        net (float[1,4] x) => (float[1,4] y) { y = own.Relu(x) }"""
    )
    value = program.graph.graph.outputs[0]
    value.dtype = program.graph.graph.inputs[0].dtype
    placed = place(program.graph.graph, LITERT_INT8, {"x", "y"}, frozenset())
    assert placed.left == {"y": "the runtime has no integer kernel for Relu"}
