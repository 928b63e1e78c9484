"""An artifact again: what was damaged, moved to another machine, or computes otherwise."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from mcompile import check as checking
from mcompile import cli
from mcompile.artifact import hashed
from mcompile.backends.onnxruntime import Onnxruntime
from mcompile.check import check
from mcompile.errors import BackendMissing, ContractError
from mcompile.types import Check, Verdict


@pytest.fixture
def folder(built, tmp_path) -> Path:
    """A copy of the build, to be damaged; it asks nothing of the machine that runs the tests."""
    copy = Path(shutil.copytree(built.folder, tmp_path / "artifact"))
    edit_contract(copy, arch="", isa=[])
    return copy


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((folder / "artifact.json").read_text())
    change(document)
    (folder / "artifact.json").write_text(json.dumps(document))


def edit_contract(folder: Path, **values: object) -> None:
    edit(folder, lambda d: d["artifact"]["contract"].update(values))


def edit_golden(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    with np.load(folder / "golden.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    change(arrays)
    np.savez(folder / "golden.npz", **arrays)
    unseal(folder)


def unseal(folder: Path) -> None:
    """Drop the hash of golden.npz, so that what is in it gets its say."""
    edit(folder, lambda d: d.update(golden=None))


def refused(folder: Path, words: str) -> ContractError:
    with pytest.raises(ContractError, match=words) as caught:
        check(folder)
    assert caught.value.where
    assert caught.value.fix
    return caught.value


def test_other_golden_cases_than_the_builds_are_refused(folder) -> None:
    (folder / "golden.npz").write_bytes((folder / "golden.npz").read_bytes() + b"x")
    refused(folder, r"golden\.npz has changed")


def on(monkeypatch, **facts: object) -> None:
    machine = replace(checking.here(), **facts)
    monkeypatch.setattr(checking, "here", lambda: machine)


def test_an_untouched_artifact_holds_wherever_it_lies(folder) -> None:
    found = check(folder)
    assert found.verdict is Verdict.PASSED
    [golden] = found.checks
    assert golden.name == "golden_error"
    assert 0 < golden.measured.value <= golden.limit
    assert found.manifest.model == "net"


def test_the_builds_own_checks_stand_where_the_files_do(folder) -> None:
    failed = Check("size_mb", 1.0, None, Verdict.FAILED)
    found = check(folder, [failed])
    assert found.checks[1:] == (failed,)
    assert found.verdict is Verdict.FAILED


def test_a_truncated_model_is_refused(folder) -> None:
    data = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(data[:-1])
    refused(folder, f"{len(data) - 1} bytes in place of {len(data)}")


def test_a_changed_byte_is_refused(folder) -> None:
    data = bytearray((folder / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.onnx").write_bytes(data)
    refused(folder, r"model\.onnx has changed")


def test_a_missing_model_is_refused(folder) -> None:
    (folder / "model.onnx").unlink()
    refused(folder, r"model\.onnx is missing")


def test_a_manifest_without_files_is_refused(folder) -> None:
    edit(folder, lambda d: d["artifact"].update(files=[]))
    refused(folder, "names no files")


@pytest.mark.parametrize("text", ["", "{", '{"schema": 1}', "[]"])
def test_a_damaged_manifest_is_refused(folder, text) -> None:
    (folder / "artifact.json").write_text(text)
    refused(folder, r"artifact\.json is damaged")


def test_an_unknown_backend_is_a_damaged_manifest(folder) -> None:
    edit(folder, lambda d: d.update(backend="onxruntime"))
    assert "onnxruntime" in refused(folder, "onxruntime is not a backend").fix


def test_a_backend_that_is_not_here_is_said_to_be_missing(folder) -> None:
    edit(folder, lambda d: d.update(backend="microcontroller"))
    with pytest.raises(BackendMissing, match="microcontroller"):
        check(folder)


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        ({"version": ">=99"}, "onnxruntime .* is installed, >=99 is needed"),
        ({"version": "newest"}, "runtime contract is damaged: newest"),
        ({"runtime": "no-such-runtime"}, "no-such-runtime is not installed here"),
        ({"runtime": ""}, "is not installed here"),
    ],
)
def test_another_runtime_than_the_contracts_is_refused(folder, contract, words) -> None:
    edit_contract(folder, **contract)
    refused(folder, words)


def test_another_architecture_is_refused(folder, monkeypatch) -> None:
    edit_contract(folder, arch="x86_64")
    on(monkeypatch, arch="aarch64")
    refused(folder, "it is aarch64, not x86_64")


def held(monkeypatch, present: bool | None) -> None:
    monkeypatch.setattr(Onnxruntime, "holds", lambda *_: present)


def test_an_absent_accelerator_is_refused_in_three_lines(folder, monkeypatch) -> None:
    edit_contract(folder, arch="npu-3720")
    held(monkeypatch, present=False)
    refused(folder, "onnxruntime finds no npu-3720 in this machine")


def test_a_present_accelerator_is_not_held_against_the_processor(folder, monkeypatch) -> None:
    edit_contract(folder, arch="npu-3720")
    held(monkeypatch, present=True)
    assert check(folder).verdict is Verdict.PASSED


def test_an_accelerator_of_a_runtime_that_is_missing_is_no_processor(folder) -> None:
    edit(folder, lambda d: d.update(backend="microcontroller"))
    edit_contract(folder, arch="gpu")
    refused(folder, "not gpu")


def test_a_missing_instruction_set_is_refused(folder, monkeypatch) -> None:
    edit_contract(folder, isa=["avx2", "fma"])
    on(monkeypatch, isa=frozenset({"avx2"}))
    refused(folder, "it has no fma")


def test_an_instruction_set_is_the_same_in_any_spelling(folder, monkeypatch) -> None:
    edit_contract(folder, arch="arm64", isa=["asimd", "asimddp"])
    on(monkeypatch, arch="aarch64", isa=frozenset({"neon", "dotprod"}))
    assert check(folder).verdict is Verdict.PASSED


def test_where_the_system_tells_nothing_the_runtime_has_the_last_word(folder, monkeypatch) -> None:
    edit_contract(folder, isa=["avx2", "fma"])
    on(monkeypatch, isa=frozenset())
    assert check(folder).verdict is Verdict.PASSED


def test_a_missing_golden_file_is_refused(folder) -> None:
    (folder / "golden.npz").unlink()
    refused(folder, r"golden\.npz is missing")


def test_a_damaged_golden_file_is_refused(folder) -> None:
    data = (folder / "golden.npz").read_bytes()
    (folder / "golden.npz").write_bytes(data[: len(data) // 2])
    unseal(folder)
    refused(folder, r"golden\.npz is damaged")


def without(word: str) -> Callable[[dict[str, Any]], object]:
    return lambda a: [a.pop(key) for key in list(a) if word in key]


@pytest.mark.parametrize("change", [without(".out."), without(".")])
def test_a_golden_file_that_proves_nothing_is_refused(folder, change) -> None:
    edit_golden(folder, change)
    refused(folder, r"golden\.npz holds no outputs")


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.update({"0.in.z": a.pop("0.in.x")}),
        lambda a: a.update({"0.in.x": a["0.in.x"][:, :1]}),
        lambda a: a.update({"0.in.x": a["0.in.x"].astype(np.int64)}),
    ],
)
def test_golden_inputs_of_another_model_are_refused(folder, change) -> None:
    edit_golden(folder, change)
    refused(folder, r"golden\.npz does not fit the artifact")


def test_a_golden_output_that_the_artifact_lacks_is_named(folder) -> None:
    edit_golden(folder, lambda a: a.update({"0.out.z": a["0.out.y"]}))
    refused(folder, "the artifact has no output z")


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.update({"1.out.y": a["1.out.y"] + 1}),
        lambda a: a.update({"2.out.y": a["2.out.y"][:, ::-1]}),
        lambda a: a.update({"0.out.y": a["0.out.y"][:, :3]}),
        lambda a: a.update(tolerance=np.float64(1e-9)),
        lambda a: a.update(tolerance=np.float64("nan")),
    ],
)
def test_other_outputs_than_the_golden_ones_fail(folder, change) -> None:
    edit_golden(folder, change)
    found = check(folder)
    assert found.verdict is Verdict.FAILED
    assert found.checks[0].because == "the outputs here are not those of the build"


def test_an_artifact_whose_weights_and_hashes_were_changed_fails(folder) -> None:
    model = onnx.load(folder / "model.onnx")
    scale = max(model.graph.initializer, key=lambda t: "scale" in t.name)
    data = onnx.numpy_helper.to_array(scale) * 3
    scale.CopyFrom(onnx.numpy_helper.from_array(data.astype(np.float32), scale.name))
    onnx.save(model, folder / "model.onnx")
    [file] = hashed(folder, ["model.onnx"])
    edit(folder, lambda d: d["artifact"]["files"][0].update(sha256=file.sha256, bytes=file.bytes))
    assert check(folder).verdict is Verdict.FAILED


def test_a_model_that_the_runtime_cannot_load_is_refused(folder) -> None:
    (folder / "model.onnx").write_bytes(b"no model")
    [file] = hashed(folder, ["model.onnx"])
    edit(folder, lambda d: d["artifact"]["files"][0].update(sha256=file.sha256, bytes=file.bytes))
    refused(folder, "onnxruntime cannot load this model")


def test_the_command_returns_7_for_damage_and_1_for_other_outputs(folder, capsys) -> None:
    assert cli.run(["check", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "whole, hashes as recorded" in out
    assert "golden_error" in out
    edit_golden(folder, lambda a: a.update({"1.out.y": a["1.out.y"] + 1}))
    assert cli.run(["check", str(folder), "-q"]) == 1
    assert capsys.readouterr().out == f"failed: {folder}\n"
    (folder / "model.onnx").unlink()
    assert cli.run(["check", str(folder)]) == 7
    assert "model.onnx is missing" in capsys.readouterr().err


def test_a_build_that_failed_its_budgets_fails_its_check_too(folder, capsys) -> None:
    report = json.loads((folder / "report.json").read_text())
    report["checks"][0].update(verdict="failed", hard=True)
    (folder / "report.json").write_text(json.dumps(report))
    assert cli.run(["check", str(folder), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "failed"


@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda p: p.write_text("{"), lambda p: p.write_bytes(b"\xff")]
)
def test_a_lost_or_damaged_report_is_refused(folder, capsys, damage) -> None:
    damage(folder / "report.json")
    assert cli.run(["check", str(folder)]) == 7
    assert "report" in capsys.readouterr().err


def test_an_engine_is_told_by_its_header_before_a_runtime_loads_it(folder) -> None:
    engine = (b"ftrt" + bytes(20) + bytes((8, 6, 1, 6))).ljust(300, b"\0")
    (folder / "model.engine").write_bytes(engine)

    def swap(manifest) -> None:
        [file] = hashed(folder, ["model.engine"])
        own = {"path": file.path, "sha256": file.sha256, "bytes": file.bytes}
        manifest["artifact"]["files"].append(own)
        manifest["artifact"]["contract"].update(runtime="tensorrt", version="==8.2.1")

    edit(folder, swap)
    refused(folder, r"built by TensorRT 8\.6\.1\.6, and ==8\.2\.1 is needed")
