"""Where a device is not here, its numbers are computed from the graph as it is written."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.errors import ContractError, LoweringError
from mcompile.oracle import Oracle
from mcompile.quantize import insert, observe, plan
from mcompile.schemes.tensorrt import TENSORRT_8, TENSORRT_10
from mcompile.standin import StandIn, rehearsed

from .quantize.nets import residual, samples


def written(program, folder):
    graph.save(program, folder / "model.onnx")
    return folder / "model.onnx"


@pytest.mark.parametrize("scheme", [TENSORRT_8, TENSORRT_10], ids=["8", "10"])
def test_pairs_are_computed_as_they_are_written(scheme, tmp_path) -> None:
    program = residual()
    found = plan(program, observe(program, samples(program)), scheme)
    quantized = insert(program, found, scheme)
    oracle = Oracle(quantized)
    names = [p.name for p in program.outputs]
    with StandIn(written(quantized, tmp_path), names, 1) as executor:
        for sample in samples(program):
            wanted, got = oracle.run(sample.feeds), executor.run(sample.feeds)
            for name in names:
                np.testing.assert_allclose(got[name], wanted[name], rtol=0, atol=1e-4)


def test_it_says_that_it_stands_in(tmp_path) -> None:
    program = residual()
    executor = StandIn(written(program, tmp_path), [p.name for p in program.outputs])
    assert executor.stands_in
    feeds = next(iter(samples(program))).feeds
    assert executor.layers(feeds, 1) == ()
    executor.close()
    executor.close()


def test_inputs_that_do_not_fit_are_a_lowering_error(tmp_path) -> None:
    program = residual()
    with (
        StandIn(written(program, tmp_path), [p.name for p in program.outputs]) as executor,
        pytest.raises(LoweringError, match="does not run on these inputs"),
    ):
        executor.run({program.inputs[0].name: np.zeros((1, 1), np.float32)})


def test_a_damaged_file_is_a_contract_error(tmp_path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ContractError, match="cannot be run here"):
        StandIn(tmp_path / "model.onnx", ["y"])


def test_a_rehearsal_is_the_program_itself(tmp_path) -> None:
    program = residual()
    feeds = next(iter(samples(program))).feeds
    name = program.outputs[0].name
    with rehearsed(program, tmp_path, 1) as executor:
        np.testing.assert_allclose(
            executor.run(feeds)[name], Oracle(program).run(feeds)[name], atol=1e-4
        )
