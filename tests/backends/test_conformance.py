"""What every backend must hold, model by model and precision by precision."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.errors import CompileError, ContractError, LoweringError
from mcompile.files import hashed
from mcompile.graph import opset, parse
from mcompile.opsets.versions import converted
from mcompile.oracle import Oracle
from mcompile.profile import Device, Target
from mcompile.quantize import dynamic, half, insert, observe, plan
from mcompile.quantize.half import OF
from mcompile.quantize.weight_only import BITS, OPSETS, weight_only
from mcompile.types import Precision

from .models import build, noise

# The least output SQNR in dB: rounding of the format, with room for the order of sums.
LEAST_DB = {
    Precision.FP32: 100.0,
    Precision.FP16: 45.0,
    Precision.BF16: 25.0,
    Precision.INT8: 24.0,
    Precision.INT8_DYNAMIC: 24.0,
    Precision.INT8_WEIGHTS: 36.0,
    Precision.INT4_WEIGHTS: 15.0,
}


def target(backend, precision, **device):
    facts = {"arch": "x86_64", "isa": ("avx2",)} | device
    return Target("desk", "this machine", backend.name, precision, Device(**facts))


def prepared(backend, precision, program):
    """The program as the pipeline would hand it to the backend."""
    scheme = backend.scheme_on(target(backend, precision))
    if precision is Precision.INT8:
        ranges = observe(program, noise(program))
        return insert(program, plan(program, ranges, scheme), scheme)
    if precision is Precision.INT8_DYNAMIC:
        return dynamic(program, scheme)[0]
    if precision in BITS:
        newest = max(opset(program), OPSETS[precision])
        return weight_only(converted(program, newest), precision)[0]
    if precision in OF:
        return half(program, precision, noise(program))[0]
    return program


@pytest.fixture
def built(backend, precision, model, tmp_path):
    program = build(model)
    lowered = prepared(backend, precision, program)
    return program, backend.lower(lowered, target(backend, precision), tmp_path), tmp_path


def test_the_artifact_computes_what_the_program_computes(backend, precision, built):
    program, artifact, folder = built
    oracle = Oracle(program)
    signal = noisy = 0.0
    with backend.open(artifact, folder, 1) as executor:
        for sample in noise(program, 6, seed=11):
            want, got = oracle.run(sample.feeds), executor.run(sample.feeds)
            assert got.keys() == want.keys()
            for name, reference in want.items():
                assert got[name].shape == reference.shape
                assert got[name].dtype == reference.dtype
                signal += float((reference.astype(np.float64) ** 2).sum())
                noisy += float(((reference.astype(np.float64) - got[name]) ** 2).sum())
    assert signal > 0
    assert 10 * np.log10(signal / max(noisy, 1e-30)) >= LEAST_DB[precision]


def test_ports_are_the_program_s(backend, precision, built):
    program, artifact, _ = built
    assert artifact.inputs == program.inputs
    assert [p.name for p in artifact.outputs] == [p.name for p in program.outputs]
    assert artifact.precision is precision
    assert artifact.backend == backend.name


def test_files_are_as_listed(backend, precision, built):
    _, artifact, folder = built
    assert artifact.files
    assert hashed(folder, [f.path for f in artifact.files]) == artifact.files


def test_bytes_are_reproducible(backend, precision, built, model, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    lowered = prepared(backend, precision, build(model))
    second = backend.lower(lowered, target(backend, precision), again)
    assert second.files == built[1].files


def test_layers_are_timed(backend, precision, built):
    program, artifact, folder = built
    with backend.open(artifact, folder, 1) as executor:
        layers = executor.layers(next(iter(noise(program))).feeds, 2)
    assert layers
    assert all(layer.time_ms >= 0 and layer.op for layer in layers)


def test_a_damaged_file_is_refused(backend, precision, tmp_path):
    program = build("conv")
    lowered = prepared(backend, precision, program)
    artifact = backend.lower(lowered, target(backend, precision), tmp_path)
    path = tmp_path / artifact.files[0].path
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ContractError):
        backend.open(artifact, tmp_path, 1)


def test_an_op_that_nothing_holds_names_itself(backend, precision, tmp_path):
    program = parse(
        """<ir_version: 9, opset_import: ["": 17, "nobody.knows": 1]>
        odd (float[1,4] x) => (float[1,4] y) { y = nobody.knows.Frobnicate (x) }"""
    )
    with pytest.raises(LoweringError) as caught:
        backend.lower(program, target(backend, precision), tmp_path)
    assert "Frobnicate" in str(caught.value)


def test_wrong_inputs_are_refused_in_words(backend, precision, built):
    program, artifact, folder = built
    wrong = {p.name: np.zeros((1, 1, 1, 1, 2), np.float32) for p in program.inputs}
    with backend.open(artifact, folder, 1) as executor, pytest.raises(CompileError):
        executor.run(wrong)


def test_closing_twice_is_harmless(backend, precision, built):
    _, artifact, folder = built
    executor = backend.open(artifact, folder, 1)
    executor.close()
    executor.close()
