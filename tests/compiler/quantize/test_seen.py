"""What the float program gives: means of everything, rows of a few positions."""

import numpy as np

from mcompile.oracle import Oracle
from mcompile.quantize import biases
from mcompile.quantize.seen import Positions, seen

from .nets import residual, samples


def layers(program):
    ops = {"Conv", "Gemm"}
    return {n.outputs[0].name: n for n in program.graph.graph if n.op_type in ops}


def test_means_and_rows_are_those_of_the_program():
    program = residual()
    feeds = [s.feeds for s in samples(program, 3)]
    nodes = layers(program)
    found = seen(program, nodes, feeds, Positions(1, 40, 1000), held=1 << 20)
    given = Oracle(program, list(nodes)).run(feeds[1])
    for name, node in nodes.items():
        every = biases.channels_last(node, given[name])
        np.testing.assert_allclose(found[name].means[1], every.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(found[name].rows[1], every[found[name].at[1]], atol=1e-5)
        assert found[name].sizes[1] == given[name].shape


def test_positions_are_as_many_as_the_inputs_ask_for_within_bounds():
    program = residual()
    feeds = [s.feeds for s in samples(program, 2)]
    found = seen(program, layers(program), feeds, Positions(2, 60, 100), held=1 << 30)
    counts = {name: sum(map(len, one.at)) for name, one in found.items()}
    assert counts == {"a0": 60, "b": 100, "c0": 60, "y": 2}  # 27, 72, 8 inputs; one row a sample


def test_memory_that_is_short_leaves_fewer_rows():
    program = residual()
    feeds = [s.feeds for s in samples(program, 2)]
    found = seen(program, layers(program), feeds, Positions(16, 512, 4096), held=4000)
    assert sum(r.nbytes for one in found.values() for r in one.rows) <= 4000
    assert all(len(at) >= 1 for one in found.values() for at in one.at)


def test_the_same_positions_are_taken_every_time():
    program = residual()
    feeds = [s.feeds for s in samples(program, 2)]
    one, other = (
        seen(program, layers(program), feeds, Positions(1, 8, 64), held=1 << 20) for _ in range(2)
    )
    for name, held in one.items():
        np.testing.assert_array_equal(held.at, other[name].at)
