"""Files that are run: sizes that follow what is fed, codes at ports, refusals."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcompile.backends.litert import Litert
from mcompile.backends.litert.executor import Interpreted
from mcompile.errors import ContractError, LoweringError

from .lowered import model, target
from .test_litert import WEIGHTS, linear


def test_the_executor_follows_a_free_size_and_refuses_the_rest():
    program = linear("n")
    with tempfile.TemporaryDirectory() as folder:
        artifact = Litert().lower(program, target(), Path(folder))
        with Litert().open(artifact, Path(folder), 1) as executor:
            for rows in (3, 1, 5):
                x = np.ones((rows, 64), np.float32)
                np.testing.assert_allclose(
                    executor.run({"x": x})["y"], x @ WEIGHTS["w"] + WEIGHTS["b"], atol=1e-4
                )
            with pytest.raises(LoweringError, match="x is fed float64"):
                executor.run({"x": np.ones((2, 64))})
            with pytest.raises(LoweringError, match="nothing is fed to x"):
                executor.run({})
            found = executor.layers({"x": np.ones((2, 64), np.float32)}, 2)
            assert [(layer.op, layer.precision) for layer in found] == [("FULLY_CONNECTED", "fp32")]


def test_bytes_that_are_no_file_are_refused(tmp_path):
    artifact = Litert().lower(linear(), target(), tmp_path)
    with pytest.raises(ContractError, match="cannot load this model"):
        Interpreted(artifact, b"nothing of the kind", 1)


def test_an_output_that_is_not_there_is_refused(tmp_path):
    artifact = Litert().lower(linear(), target(), tmp_path)
    data = (tmp_path / "model.tflite").read_bytes()
    other = replace(artifact, outputs=(replace(artifact.outputs[0], name="other"),))
    with pytest.raises(ContractError, match="cannot load this model"):
        Interpreted(other, data, 1)


def test_one_name_is_one_size(tmp_path):
    program = model("float[n,3] x, float[n,3] z", "y = Add (x, z)")
    artifact = Litert().lower(program, target(), tmp_path)
    with Litert().open(artifact, tmp_path, 1) as executor:
        feeds = {"x": np.ones((2, 3), np.float32), "z": np.ones((4, 3), np.float32)}
        with pytest.raises(LoweringError, match="n is 2 and 4 in one run"):
            executor.run(feeds)
