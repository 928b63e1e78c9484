"""An artifact judged by the figures that its device took."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcompile import cli
from mcompile.artifact import read_golden
from mcompile.check import Checked
from mcompile.errors import ContractError
from mcompile.measured import judge
from mcompile.types import Check, Measured, Provenance, Verdict

LIMIT_MS = 10.0
LIMITS = (
    Check("latency_p99_ms", LIMIT_MS, None, Verdict.UNPROVEN),
    Check("memory_peak_mb", 50.0, None, Verdict.UNPROVEN, hard=False),
    Check("power_w", 2.0, None, Verdict.UNPROVEN),
)


@pytest.fixture
def folder(built, tmp_path) -> Path:
    """A copy of the build whose contract is a phone's, and what its phone said of it."""
    copy = Path(shutil.copytree(built.folder, tmp_path / "artifact"))
    manifest = json.loads((copy / "artifact.json").read_text())
    manifest["artifact"]["contract"].update(arch="aarch64", isa=["asimd", "asimddp"])
    (copy / "artifact.json").write_text(json.dumps(manifest))
    said = {
        "schema": 1,
        "artifact": {"sha256": manifest["artifact"]["files"][0]["sha256"]},
        "device": {"name": "Acme 5", "arch": "arm64", "isa": ["asimd", "asimddp", "fp"]},
        "tool": "benchmark_model",
        "threads": 2,
        "runs": 200,
        "latency_ms": {"min": 5.0, "p50": 6.0, "p95": 7.0, "max": 9.0, "mean": 6.25},
        "memory_peak_mb": 12.5,
        "temperature_c": [28.5, 31.0],
    }
    (tmp_path / "measured.json").write_text(json.dumps(said))
    return copy


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    path = folder.parent / "measured.json"
    said = json.loads(path.read_text())
    change(said)
    path.write_text(json.dumps(said))
    return path


def _sampled(**told: float) -> Callable[[dict[str, Any]], object]:
    """A change to samples from 1 to 200 ms, with these figures beside them."""
    samples = [float(n) for n in range(1, 201)]
    return lambda said: said.update(latency_ms={"samples": samples, **told})


def judged(folder: Path, change: Callable[[dict[str, Any]], object] = len) -> Checked:
    return judge(folder, LIMITS, edit(folder, change))


def row(found: Checked, name: str) -> Check:
    (only,) = [check for check in found.checks if check.name == name]
    return only


def test_budgets_are_judged_by_the_device_and_name_it(folder) -> None:
    found = judged(folder)
    latency, memory = row(found, "latency_p99_ms"), row(found, "memory_peak_mb")
    assert latency.verdict is memory.verdict is Verdict.PASSED
    assert memory.measured is not None
    assert (memory.measured.value, memory.measured.device) == (12.5, "Acme 5")
    assert memory.measured.provenance is Provenance.MEASURED
    assert "200 runs, benchmark_model, 2 threads, 28.5 to 31 degrees" in memory.measured.note
    assert not memory.hard
    assert row(found, "power_w").verdict is Verdict.UNPROVEN


@pytest.mark.parametrize(
    ("p95", "longest", "verdict", "value"),
    [
        (7.0, 9.9, Verdict.PASSED, 9.9),
        (7.0, 12.0, Verdict.UNPROVEN, 12.0),
        (11.0, 12.0, Verdict.FAILED, 11.0),
    ],
)
def test_a_percentile_between_two_that_are_known(folder, p95, longest, verdict, value) -> None:
    check = row(
        judged(folder, lambda d: d["latency_ms"].update(p95=p95, max=longest)), "latency_p99_ms"
    )
    assert check.verdict is verdict
    assert check.measured is not None
    assert check.measured.value == value
    assert (check.measured.low, check.measured.high) == (p95, longest)


def test_samples_give_the_percentiles_themselves(folder) -> None:
    times = [*np.linspace(5, 9, 99), 100.0]
    found = judged(folder, lambda d: d.update(latency_ms={"samples": times}, runs=100))
    check = row(found, "latency_p99_ms")
    assert check.measured is not None
    assert check.measured.value == pytest.approx(np.percentile(times, 99))
    assert check.verdict is Verdict.PASSED


def test_power_and_time_make_energy(folder) -> None:
    limits = (*LIMITS, Check("energy_mj", 10.0, None, Verdict.UNPROVEN))
    found = judge(folder, limits, edit(folder, lambda d: d.update(power_w=1.5)))
    assert row(found, "power_w").verdict is Verdict.PASSED
    energy = row(found, "energy_mj").measured
    assert energy is not None
    assert energy.value == pytest.approx(1.5 * 6.25)


def test_another_device_proves_nothing(folder) -> None:
    found = judged(folder, lambda d: d["device"].update(isa=["asimd"]))
    check = row(found, "latency_p99_ms")
    assert check.verdict is Verdict.UNPROVEN
    assert "not the profile's device" in check.because


def test_golden_outputs_of_the_device_are_compared(folder) -> None:
    _, wanted = read_golden(folder).cases[0]
    (output,) = wanted.values()
    place = folder.parent / "outputs.bin"
    place.write_bytes(output.tobytes())
    assert row(judged(folder, lambda d: d.update(outputs="outputs.bin")), "golden_error").verdict
    assert row(judged(folder), "golden_error").verdict is Verdict.PASSED
    place.write_bytes((output + 1e3).tobytes())
    assert row(judged(folder), "golden_error").verdict is Verdict.FAILED
    place.write_bytes(b"123")
    with pytest.raises(ContractError, match="outputs are 3 bytes"):
        judged(folder)
    place.unlink()
    with pytest.raises(ContractError, match="outputs are missing"):
        judged(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["artifact"].update(sha256="0" * 64), "of another artifact"),
        (lambda d: d.pop("device"), "missing required field `device`"),
        (lambda d: d.update(runs=0), "damaged: Expected `int` >= 1"),
        (lambda d: d.update(schema=2), "of schema 2"),
        (lambda d: d["latency_ms"].update(p50=-1.0), "damaged: Expected `float` > 0"),
        (lambda d: d["latency_ms"].update(p50=8.0), "do not grow"),
        (lambda d: d["latency_ms"].update(mean=9.5), "outside of its percentiles"),
        (lambda d: d["latency_ms"].update(mean=4.0), "outside of its percentiles"),
        (lambda d: d.update(temperature_c=[30.0]), "not \\[before, after\\]"),
        (_sampled(p50=77.0), "percentiles of latency_ms are not those"),
        (_sampled(min=0.5), "percentiles of latency_ms are not those"),
        (_sampled(mean=60.0), "mean of latency_ms is not that"),
        (lambda d: d.update(latency_ms={"mean": 6.0}), "neither samples nor percentiles"),
        (lambda d: d.update(latency_ms={"samples": [1.0]}), "1 samples of 200 runs"),
        (lambda d: d["device"].update(name=""), "no name or arch"),
    ],
)
def test_what_cannot_be_judged_by_is_refused(folder, change, words) -> None:
    with pytest.raises(ContractError, match=words) as caught:
        judged(folder, change)
    assert caught.value.where.endswith("measured.json")
    assert caught.value.fix


def test_the_command_judges_by_a_file_and_ends_as_it_says(folder, capsys) -> None:
    path = edit(folder, len)
    assert cli.run(["check", str(folder), "--measured", str(path)]) == 0
    assert f"judged by {path}" in capsys.readouterr().out
    path.write_text("{")
    assert cli.run(["check", str(folder), "--measured", str(path)]) == 7
    assert len(capsys.readouterr().err.strip().splitlines()) == 3
    path.unlink()
    assert cli.run(["check", str(folder), "--measured", str(path)]) == 7


def jetson(folder: Path, built: str = "int8") -> None:
    """Make the artifact one for an Orin: its contract, and the precision that was built."""
    manifest = json.loads((folder / "artifact.json").read_text())
    contract = {"runtime": "tensorrt", "version": ">=8.5,<11", "isa": ["asimd", "sm_87"]}
    manifest["artifact"]["contract"].update(contract)
    manifest["built"] = manifest["artifact"]["precision"] = built
    (folder / "artifact.json").write_text(json.dumps(manifest))


def engine(said: dict[str, Any], **changed: object) -> None:
    own = {"tensorrt": "8.5.2", "compute_capability": "8.7", "int8_layers": 21}
    said.update(engine=own | changed, golden_error=1e-6)
    said["device"]["isa"] = ["asimd", "sm_87"]


def test_an_engine_of_the_contract_is_judged_with_its_layers(folder) -> None:
    jetson(folder)
    rows = {c.name: c for c in judged(folder, engine).checks}
    assert rows["int8_layers"].verdict is Verdict.PASSED
    assert rows["golden_error"].verdict is Verdict.PASSED
    assert rows["golden_error"].measured.device == "Acme 5"
    assert rows["latency_p99_ms"].verdict is Verdict.PASSED
    assert rows["latency_p99_ms"].measured.provenance is Provenance.MEASURED


def test_an_engine_without_one_layer_in_int8_has_failed(folder) -> None:
    jetson(folder)
    found = judged(folder, lambda said: engine(said, int8_layers=0))
    [row] = [c for c in found.checks if c.name == "int8_layers"]
    assert row.verdict is found.verdict is Verdict.FAILED
    assert "no layer of the engine runs in INT8" in row.because


def test_of_an_fp16_engine_no_integer_is_asked(folder) -> None:
    jetson(folder, "fp16")
    found = judged(folder, lambda said: engine(said, int8_layers=0))
    assert "int8_layers" not in {c.name for c in found.checks}


def test_outputs_that_are_not_the_builds_have_failed(folder) -> None:
    jetson(folder)
    found = judged(folder, lambda said: (engine(said), said.update(golden_error=0.9)))
    [row] = [c for c in found.checks if c.name == "golden_error"]
    assert row.verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tensorrt": "11.4.1"}, "TensorRT 11.4.1 built the engine, and >=8.5,<11 is needed"),
        ({"tensorrt": "newest"}, "newest is not a version"),
        ({"compute_capability": "7.2"}, "built for sm_72, and the artifact is for sm_87"),
    ],
)
def test_an_engine_of_another_gpu_or_version_is_refused(folder, changed, words) -> None:
    jetson(folder)
    with pytest.raises(ContractError, match=words):
        judged(folder, lambda said: engine(said, **changed))


@pytest.mark.parametrize(
    "told",
    [
        {"p50": 3.0, "mean": 4.5},  # a few long runs: nothing says how long
        {"p50": 3.0, "p99": 4.0, "mean": 4.5},
    ],
)
def test_a_mean_is_bounded_by_the_ends_alone(folder, told) -> None:
    assert judged(folder, lambda d: d.update(latency_ms=told)).checks


def test_figures_that_agree_with_the_samples_are_taken(folder) -> None:
    found = judged(folder, _sampled(p50=100.0, p99=199.0, min=1.0, max=200.0, mean=100.5))
    p99 = next(c for c in found.checks if c.name == "latency_p99_ms")
    assert p99.measured.value == pytest.approx(198.01)


def test_runs_that_differ_have_failed_and_equal_ones_prove_it(folder) -> None:
    def told(runs: int):
        return judged(folder, lambda said: said.update(determinism=runs, stability_std=0.0))

    rows = {c.name: c for c in told(0).checks}
    assert rows["determinism"].verdict is Verdict.PASSED
    assert rows["determinism"].measured.device == "Acme 5"
    assert {c.name: c for c in told(1).checks}["determinism"].verdict is Verdict.FAILED


def test_an_engine_that_does_not_tell_leaves_it_open(folder) -> None:
    jetson(folder)
    found = judged(folder, lambda said: engine(said, int8_layers=None))
    [row] = [c for c in found.checks if c.name == "int8_layers"]
    assert (row.verdict, row.hard) == (Verdict.UNPROVEN, False)
    assert "does not tell" in row.because


def test_an_engine_without_pairs_is_not_what_was_simulated(folder) -> None:
    jetson(folder)
    near = Measured("sqnr_db", 30.0, "dB", Provenance.SIMULATED)
    limit = Check("sqnr_db_min", 10.0, near, Verdict.PASSED)

    def verdict_of(mode: str) -> Verdict:
        path = edit(folder, lambda said: engine(said, mode=mode))
        rows = {c.name: c.verdict for c in judge(folder, [limit], path).checks}
        return rows["sqnr_db_min"]

    assert verdict_of("explicit") is Verdict.PASSED
    assert verdict_of("implicit") is Verdict.UNPROVEN


def test_figures_of_a_kit_that_do_not_tell_of_the_engine_are_refused(folder) -> None:
    jetson(folder)
    with pytest.raises(ContractError, match="does not tell of the engine"):
        judged(folder)


def test_figures_name_the_model_and_no_other_file(folder) -> None:
    manifest = json.loads((folder / "artifact.json").read_text())
    manifest["artifact"]["files"].append({"path": "README.md", "sha256": "ab", "bytes": 0})
    (folder / "README.md").write_text("")
    (folder / "artifact.json").write_text(json.dumps(manifest))
    with pytest.raises(ContractError):
        judged(folder, lambda said: said.update(artifact={"sha256": "ab"}))
