"""A request is whole before anything slow begins, or it is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcompile.errors import BackendMissing, SamplesError, TargetError, UsageError
from mcompile.options import Options
from mcompile.request import as_target, name_of, resolve, runtimes_of
from mcompile.samples import Preprocess
from mcompile.types import Precision

FLOAT, INT8, HALF = Precision.FP32, Precision.INT8, Precision.FP16
DYNAMIC = Precision.INT8_DYNAMIC


def given(**more) -> Options:
    return Options(**{"target": "cpu-server", **more})


@pytest.mark.parametrize(
    ("options", "requested", "forms"),
    [
        (given(), FLOAT, (FLOAT,)),
        (given(precision="fp16"), HALF, (HALF, FLOAT)),
        (given(precision="int8", calibration="c.npz"), INT8, (INT8, FLOAT)),
        (given(precision="int8-dynamic"), DYNAMIC, (DYNAMIC, FLOAT)),
        (given(precision="bf16"), Precision.BF16, (FLOAT,)),
        (given(precision="auto"), FLOAT, (FLOAT, DYNAMIC)),
        (given(precision="auto", calibration="c.npz"), INT8, (INT8, DYNAMIC, FLOAT)),
        (given(precision="auto", target="raspberry-pi-4"), FLOAT, (FLOAT, DYNAMIC)),
        (given(target="raspberry-pi-4", calibration="c.npz"), INT8, (INT8, FLOAT)),
    ],
)
def test_the_forms_to_make_begin_with_the_one_that_is_wanted(options, requested, forms) -> None:
    found = resolve("m.onnx", options)
    assert (found.requested, found.precisions) == (requested, forms)


def test_a_fallback_is_said_and_auto_may_choose() -> None:
    assert "bf16 falls back to fp32" in resolve("m", given(precision="bf16")).because
    assert resolve("m", given()).because == ""
    assert resolve("m", given(precision="auto")).choose
    assert not resolve("m", given()).choose


@pytest.mark.parametrize(
    ("options", "kind", "what"),
    [
        (Options(), UsageError, "no target was named"),
        (given(target="cpu-servr"), TargetError, "cpu-servr is not a target"),
        (given(precision="int7"), UsageError, "int7 is not a precision"),
        (given(precision="int8"), SamplesError, "int8 needs calibration data"),
        (given(precision="bf16", strict=True), TargetError, "may not be given bf16"),
        (given(scenario="movil"), UsageError, "movil is not a scenario"),
        (given(budgets=("latency=3",)), UsageError, "latency is not a budget"),
        (given(metric="top2"), UsageError, "top2 is not a metric"),
        (given(target="cortex-m4"), BackendMissing, "no microcontroller backend"),
    ],
)
def test_what_cannot_be_met_is_refused_with_place_or_way_out(options, kind, what) -> None:
    with pytest.raises(kind, match=what) as caught:
        resolve("no-such-model.onnx", options)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("options", "what", "ways"),
    [
        (given(target="coral", precision="fp32"), "int8 on coral in place of fp32 needs", "card"),
        (given(target="cpu-server", precision="int8"), "int8 needs", "--precision int8-dynamic"),
    ],
)
def test_data_are_asked_for_with_ways_out_that_lead_somewhere(options, what, ways) -> None:
    with pytest.raises(SamplesError, match=what) as caught:
        resolve("m.onnx", options)
    assert caught.value.where == f"--precision {options.precision}"
    assert caught.value.fix.endswith(ways)


def test_a_precision_that_the_backend_cannot_write_is_refused(tmp_path: Path) -> None:
    profile = 'extends = "cpu-server"\n[legality]\nbf16 = "native"\n'
    (tmp_path / "mine.toml").write_text(profile)
    with pytest.raises(TargetError, match="onnxruntime cannot be given bf16") as caught:
        resolve("m", given(target=str(tmp_path / "mine.toml"), precision="bf16"))
    assert caught.value.fix.startswith("--precision fp32 or fp16")


@pytest.mark.parametrize(
    ("legality", "forms"),
    [
        ('fp16 = "native"', (INT8, DYNAMIC, HALF, FLOAT)),
        ('int8-dynamic = { status = "emulated", because = "x", source = "y" }', (INT8, FLOAT)),
        ('int8 = { falls_back_to = "fp32", because = "x", source = "y" }', (FLOAT, DYNAMIC)),
    ],
)
def test_auto_tries_what_the_device_has_kernels_for(tmp_path: Path, legality, forms) -> None:
    profile = f'extends = "cpu-server"\n[legality]\n{legality}\n'
    (tmp_path / "mine.toml").write_text(profile)
    asked = given(target=str(tmp_path / "mine.toml"), precision="auto", calibration="c.npz")
    assert resolve("m", asked).precisions == forms


def test_limits_of_scenario_and_caller_are_in_the_target() -> None:
    found = resolve("m", given(scenario="mobile-app", budgets=("size_mb=3",)))
    assert found.target.budgets.size_mb == 3
    assert found.target.budgets.latency_p50_ms == 100 or found.target.budgets.latency_p99_ms == 100


def test_the_frontend_is_told_inputs_code_and_the_targets_opset() -> None:
    found = resolve("m", given(inputs=("x=F32[N,3]",), arch="a:b", arch_args={"w": 1})).capture
    [port] = found.inputs
    assert (port.name, port.dtype, port.shape) == ("x", "float32", ("N", 3))
    assert (found.arch, found.arch_args, found.trust_code) == ("a:b", {"w": 1}, False)
    assert found.opset == resolve("m", given()).target.runtime.max_opset


def test_preprocessing_is_read_where_it_was_named() -> None:
    assert resolve("m", given()).preprocess is None
    assert isinstance(resolve("m", given(preprocess="imagenet")).preprocess, Preprocess)


def test_a_backend_sees_the_precision_it_is_to_build() -> None:
    found = resolve("m", given(precision="fp16"))
    assert as_target(found, FLOAT).precision is FLOAT
    assert as_target(found, FLOAT).budgets == found.target.budgets


def test_samples_in_memory_count_as_given() -> None:
    calibration = [np.zeros((1, 3), np.float32)]
    assert resolve("m", given(precision="int8", calibration=calibration)).precisions[0] is INT8


@pytest.mark.parametrize(
    ("source", "name"), [("a/b.onnx", "b.onnx"), (Path("c.pt"), "c.pt"), ("m:f", "m:f"), (3, "int")]
)
def test_a_source_is_called_by_its_last_name(source, name) -> None:
    assert name_of(source) == name


@pytest.mark.parametrize("more", [{"keep_float": ("a",)}, {"percentile": 99.0}, {"thorough": 5.0}])
def test_nothing_is_added_to_a_plan(more) -> None:
    with pytest.raises(UsageError, match="a plan says everything") as refused:
        resolve("m", given(precision="int8", calibration="c.npz", plan="plan.json", **more))
    assert len(str(refused.value).splitlines()) == 3


def test_a_runtime_that_is_named_brings_its_own_pins_and_legality() -> None:
    found = resolve("m", given(backend="openvino", precision="bf16"))
    assert (found.backend.name, found.target.backend) == ("openvino", "openvino")
    assert found.precisions == (Precision.BF16, FLOAT)
    assert found.target.runtime.versions == ">=2025.4"
    assert resolve("m", given(precision="bf16")).precisions == (FLOAT,)


def test_a_runtime_that_the_profile_does_not_name_is_refused() -> None:
    with pytest.raises(TargetError) as caught:
        resolve("m", given(backend="litert"))
    assert str(caught.value).splitlines() == [
        "cpu-server does not name the runtime litert",
        "  in   --backend litert",
        "  try  --backend onnxruntime, openvino or auto",
    ]


def test_a_profile_whose_further_runtime_is_none_is_refused(tmp_path) -> None:
    legal = "\n".join(f'{p.value} = "native"' for p in Precision)
    (tmp_path / "odd.toml").write_text(
        f'extends = "cpu-server"\n[runtimes.openvin]\n[runtimes.openvin.legality]\n{legal}\n'
    )
    with pytest.raises(TargetError) as caught:
        resolve("m", given(target=str(tmp_path / "odd.toml")))
    lines = str(caught.value).splitlines()
    assert lines[0] == "openvin is not a backend"
    assert lines[1].endswith("[runtimes.openvin]")
    assert "openvino" in lines[2]


def test_the_runtimes_of_a_build_are_one_or_under_auto_all() -> None:
    assert runtimes_of("m", given()) == ("onnxruntime",)
    assert runtimes_of("m", given(backend="openvino")) == ("openvino",)
    assert runtimes_of("m", given(backend="auto")) == ("onnxruntime", "openvino")
    assert runtimes_of("m", given(target="jetson-nano", backend="auto")) == ("tensorrt",)
