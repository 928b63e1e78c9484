"""What every backend must hold, model by model and precision by precision."""

from __future__ import annotations

import atexit
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest
from packaging.specifiers import SpecifierSet

from mcompile.errors import CompileError, ContractError, LoweringError
from mcompile.files import hashed
from mcompile.graph import opset, parse
from mcompile.opsets.versions import converted
from mcompile.oracle import Oracle
from mcompile.profile import Device, Runtime, Target
from mcompile.quantize import dynamic, half, insert, observe, plan
from mcompile.quantize.half import OF
from mcompile.quantize.weight_only import BITS, OPSETS, weight_only
from mcompile.types import Precision

from .models import build, noise
from .stored import scales

STAY_OPEN = ExitStack()
atexit.register(STAY_OPEN.close)

# The least output SQNR in dB: rounding of the format, with room for the order of sums.
LEAST_DB = {
    Precision.FP32: 100.0,
    Precision.FP16: 45.0,
    Precision.BF16: 25.0,
    Precision.INT8: 24.0,
    Precision.INT8_DYNAMIC: 24.0,
    Precision.INT8_WEIGHTS: 36.0,
    Precision.INT4_WEIGHTS: 15.0,
    Precision.INT16X8: 24.0,
}


def present(runtime):
    """The version of the runtime that is installed here; None where only its devices have it."""
    try:
        return version(runtime)
    except PackageNotFoundError:
        return None


def target(backend, precision, **device):
    facts = {"arch": "x86_64", "isa": ("avx2",)} | device
    return Target("desk", "this machine", backend.name, precision, Device(**facts))


def planned(backend, model):
    program, ranges = seen(model)
    return plan(program, ranges, backend.scheme_on(target(backend, Precision.INT8)))


def prepared(backend, precision, model):
    """The program as the pipeline would hand it to the backend."""
    program, _ = seen(model)
    scheme = backend.scheme_on(target(backend, precision))
    if precision is Precision.INT8:
        return insert(program, planned(backend, model), scheme)
    if precision is Precision.INT16X8:
        wide = converted(program, max(opset(program), 21))
        return insert(wide, plan(wide, observe(wide, noise(wide)), scheme), scheme)
    if precision is Precision.INT8_DYNAMIC:
        return dynamic(program, scheme)[0]
    if precision in BITS:
        newest = max(opset(program), OPSETS[precision])
        return weight_only(converted(program, newest), precision)[0]
    if precision in OF:
        return half(program, precision, noise(program))[0]
    return program


@cache
def seen(model):
    """The program of that name and its ranges, which no runtime changes."""
    program = build(model)
    return program, observe(program, noise(program))


@cache
def lowered(backend, precision, model):
    """The artifact of a model in a folder that lives as long as the tests."""
    folder = Path(STAY_OPEN.enter_context(tempfile.TemporaryDirectory()))
    program = seen(model)[0]
    prepared_ = prepared(backend, precision, model)
    return program, backend.lower(prepared_, target(backend, precision), folder), folder


@cache
def opened(backend, precision, model):
    _, artifact, folder = lowered(backend, precision, model)
    return STAY_OPEN.enter_context(backend.open(artifact, folder, 1))


@pytest.fixture
def built(backend, precision, model):
    return lowered(backend, precision, model)


def test_the_artifact_computes_what_the_program_computes(backend, precision, model, built):
    program, _, _ = built
    oracle, executor = Oracle(program), opened(backend, precision, model)
    signal = noisy = 0.0
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
    again = prepared(backend, precision, model)
    second = backend.lower(again, target(backend, precision), tmp_path)
    # NVIDIA's compiler numbers what it makes in another order now and then: the graph is the same.
    pairs = [(a, b) for a, b in zip(second.files, built[1].files, strict=True)
             if not a.path.endswith(".engine")]  # fmt: skip
    assert pairs
    for one, other in pairs:
        assert one == other


@pytest.mark.parametrize("named", ["conv", "attention", "two_in_two_out"])
def test_layers_are_timed_and_tell_what_they_compute_in(backend, precision, named):
    program, _, _ = lowered(backend, precision, named)
    executor = opened(backend, precision, named)
    layers = executor.layers(next(iter(noise(program))).feeds, 2)
    assert bool(layers) is not executor.stands_in  # which never times anything
    assert all(layer.time_ms >= 0 and layer.op for layer in layers)
    assert {layer.precision for layer in layers} <= {"", "int8", "fp16", "bf16", "fp32"}


def test_the_contract_is_true(backend, precision):
    _, artifact, _ = lowered(backend, precision, "conv")
    contract, asked = artifact.contract, target(backend, precision).device
    assert (contract.arch, contract.isa) == (asked.arch, asked.isa)
    assert contract.opset == opset(prepared(backend, precision, "conv"))
    if (installed := present(contract.runtime)) is not None:
        assert installed in SpecifierSet(contract.version)
        assert artifact.tools[contract.runtime] == installed


def test_a_version_that_the_profile_rules_out_is_no_part_of_the_contract(
    backend, precision, tmp_path
):
    narrow = replace(target(backend, precision), runtime=Runtime(versions="<1"))
    try:
        contract = backend.lower(prepared(backend, precision, "conv"), narrow, tmp_path).contract
    except LoweringError as error:
        # A kit is for the releases that can read its graph, and here none is left.
        told = f"{error}"
    else:
        told = str(SpecifierSet(contract.version))
        assert present(contract.runtime) not in SpecifierSet(contract.version)
    assert "<1" in told


def test_the_scales_of_the_artifact_are_the_plan_s(backend, model):
    wanted = planned(backend, model).tensors
    program, artifact, folder = lowered(backend, Precision.INT8, model)
    found = scales(folder / artifact.files[0].path)
    missing = {*wanted} - {*program.graph.graph.initializers} - {*found}
    seen_otherwise = {n.outputs[0].name: n.inputs[0].name for n in program.graph.graph
                      if n.op_type in ("Transpose", "Reshape", "Flatten")}  # fmt: skip
    assert missing <= {*seen_otherwise}
    for name in missing:  # it has no memory of its own, and so no scale
        assert wanted[name].scale == wanted[seen_otherwise[name]].scale
    for name in {*found} & {*wanted}:
        scale, zero = found[name]
        np.testing.assert_allclose(scale, np.ravel(wanted[name].scale), rtol=2e-6)
        np.testing.assert_allclose(zero, np.ravel(wanted[name].zero_point), atol=1e-3)


@pytest.mark.parametrize("harm", ["half", "nothing", "another"])
def test_a_wrong_file_is_refused(backend, precision, harm, tmp_path):
    _, artifact, folder = lowered(backend, precision, "conv")
    for file in artifact.files:
        data = (folder / file.path).read_bytes()
        harmed = {"half": data[: len(data) // 2], "nothing": b"", "another": b"GIF89a" * 9}
        for each in artifact.files:
            (tmp_path / each.path).parent.mkdir(exist_ok=True)
        (tmp_path / file.path).write_bytes(harmed[harm])
        for other in artifact.files:
            if other is not file:
                (tmp_path / other.path).write_bytes((folder / other.path).read_bytes())
        with pytest.raises(ContractError):
            backend.open(artifact, tmp_path, 1)


@pytest.mark.parametrize(("label", "node"), [("[it] ", "it"), ("", "y")])
def test_an_op_that_nothing_holds_names_its_node_and_ways_out(
    backend, precision, label, node, tmp_path
):
    program = parse(
        f"""<ir_version: 9, opset_import: ["": 17, "nobody.knows": 1]>
        odd (float[1,4] x) => (float[1,4] y) {{
          a = Relu(x)
          {label}y = nobody.knows.Frobnicate (a)
        }}"""
    )
    with pytest.raises(LoweringError) as caught:
        backend.lower(program, target(backend, precision), tmp_path)
    assert caught.value.where.startswith(f"node {node} (Frobnicate)")
    assert str(tmp_path) not in caught.value.where
    assert caught.value.fix


@pytest.mark.parametrize("named", ["conv", "embedding", "two_in_two_out"])
def test_wrong_inputs_are_refused_in_words(backend, precision, named):
    program, _, _ = lowered(backend, precision, named)
    wrong = {p.name: np.zeros((1, 1, 1, 1, 2), np.float32) for p in program.inputs}
    executor = opened(backend, precision, named)
    with pytest.raises(CompileError):
        executor.run(wrong)
    with pytest.raises(CompileError):
        executor.run({})


def test_closing_twice_is_harmless(backend, precision):
    _, artifact, folder = lowered(backend, precision, "conv")
    executor = backend.open(artifact, folder, 1)
    executor.close()
    executor.close()
