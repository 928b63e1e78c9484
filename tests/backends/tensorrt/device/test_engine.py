"""Engines run by number and by name, with types and sizes as each release has them."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from .desk import lay, model

LOOKUP = """
    <ir_version: 8, opset_import: ["" : 13]>
    net (int64[N,4] i) => (float[N,4,4] y, int64[N,4] j) <float[4,4] v> {
        y = Gather (v, i)
        j = Add (i, i)
    }
"""
FREE = {"i": {"min": [1, 4], "opt": [2, 4], "max": [3, 4]}}


def indices(desk, *arrays):
    """A kit of indices: they come in as int64 and go out as int64."""
    made = model(LOOKUP, batch="N")
    onnx.save(made, desk.kit / "model.onnx")
    session = onnxruntime.InferenceSession(made.SerializeToString())
    held = {}
    for number, given in enumerate(arrays):
        held[f"in.{number}.i"] = given
        y, j = session.run(["y", "j"], {"i": given})
        held.update({f"out.{number}.y": y, f"out.{number}.j": j})
    np.savez(desk.kit / "golden.npz", **held)
    desk.facts(files={}, profiles=FREE)


@pytest.mark.parametrize("release", ["8.4.1.5", "10.0.0.6"])
def test_indices_of_64_bits_and_sizes_that_grow(tmp_path, release):
    desk = lay(tmp_path, "fp32")
    rng = np.random.default_rng(0)
    indices(desk, *(rng.integers(0, 4, size=(n, 4)) for n in (1, 3, 2)))
    ran = desk.run(tensorrt=release)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert desk.measured()["golden_error"] == 0


def test_an_index_beyond_32_bits(tmp_path):
    desk = lay(tmp_path, "fp32")
    indices(desk, np.zeros((1, 4), np.int64))
    np.savez(desk.kit / "golden.npz", **{"in.0.i": np.full((1, 4), 2**40), "out.0.y": np.ones(1)})
    ran = desk.run(tensorrt="8.6.1.6")
    assert ran.returncode == 7
    assert "values of i do not fit into int32" in ran.stderr


def test_a_size_outside_of_the_profile(tmp_path):
    desk = lay(tmp_path, "fp32")
    indices(desk, np.zeros((4, 4), np.int64))
    ran = desk.run(tensorrt="10.0.0.6")
    assert ran.returncode == 7
    assert "the engine takes no i of shape (4, 4)" in ran.stderr


def test_a_fixed_size_that_is_another(tmp_path):
    desk = lay(tmp_path, "fp32")
    x = np.zeros((2, 3, 8, 8), np.float32)
    np.savez(desk.kit / "golden.npz", **{"in.0.x": x, "out.0.y": np.ones(1)})
    ran = desk.run(tensorrt="8.4.1.5")
    assert ran.returncode == 7
    assert "the engine takes no x of shape (2, 3, 8, 8)" in ran.stderr


def test_other_inputs(tmp_path):
    desk = lay(tmp_path, "fp32")
    np.savez(desk.kit / "golden.npz", **{"in.0.z": np.ones(1), "out.0.y": np.ones(1)})
    ran = desk.run()
    assert ran.returncode == 7
    assert "the engine's inputs are ['x'], and ['z'] were given" in ran.stderr


def test_a_plan_that_is_damaged_behind_its_header(tmp_path):
    desk = lay(tmp_path, "fp32")
    assert desk.run("--build-only").returncode == 0
    engine = desk.kit / "model.engine"
    engine.write_bytes(engine.read_bytes()[:200])
    ran = desk.run("--engine", str(engine))
    assert ran.returncode == 7
    assert "the engine is damaged, or of another kit" in ran.stderr
