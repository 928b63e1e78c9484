"""What `artifact.json` says comes back as it was, and what no longer holds is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcompile.artifact import MARK, Manifest, hashed, read, verify_files, write
from mcompile.errors import ContractError
from mcompile.types import Artifact, Contract, File, Port, Precision, Verdict


def manifest(*files: File) -> Manifest:
    return Manifest(
        model="net",
        target="jetson-nano",
        backend="onnxruntime",
        requested=Precision.INT8,
        built=Precision.FP16,
        because="no INT8 kernels below sm_61",
        artifact=Artifact(
            backend="onnxruntime",
            precision=Precision.FP16,
            files=files,
            inputs=(Port("x", "float32", ("batch", 3, 224, 224)),),
            outputs=(Port("y", "float32", (1, 10)),),
            contract=Contract("onnxruntime", ">=1.20", arch="x86_64", isa=("avx2",), opset=20),
            tools={"torch": "2.9", "onnx": "1.19"},
        ),
        source_sha256="0" * 64,
        command=("mcompile", "net.pt"),
        verdict=Verdict.PASSED,
        tolerance=0.05,
        tools={"python": "3.11", "mcompile": "0.1.0"},
        preprocess={"scale": 255.0, "mean": [0.5]},
    )


def written(folder: Path) -> Manifest:
    (folder / "deep").mkdir()
    (folder / "model.onnx").write_bytes(b"graph")
    (folder / "deep" / "weights.bin").write_bytes(b"weights" * 400_000)
    kept = manifest(*hashed(folder, ["model.onnx", "deep/weights.bin"]))
    write(kept, folder)
    return kept


def edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((folder / MARK).read_text())
    change(document)
    (folder / MARK).write_text(json.dumps(document))


def test_a_manifest_comes_back_as_it_was(tmp_path: Path) -> None:
    kept = written(tmp_path)
    assert read(tmp_path) == kept


def test_equal_manifests_make_equal_sorted_bytes(tmp_path: Path) -> None:
    kept = written(tmp_path)
    first = (tmp_path / MARK).read_bytes()
    shuffled = replace(kept, tools=dict(reversed(list(kept.tools.items()))))
    write(shuffled, tmp_path)
    assert (tmp_path / MARK).read_bytes() == first
    document = json.loads(first)
    assert first == (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()
    assert document["artifact"]["inputs"][0]["shape"] == ["batch", 3, 224, 224]
    assert document["schema"] == 1


def test_a_folder_without_a_manifest_is_no_artifact(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ContractError, match="not an artifact"):
            read(folder)


@pytest.mark.parametrize("text", ["", "<html>", "[]", '{"schema": "one"}', '{"schema": 1}', "\xff"])
def test_what_is_not_a_manifest_is_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / MARK).write_bytes(text.encode("latin-1"))
    with pytest.raises(ContractError, match="is damaged"):
        read(tmp_path)


def test_a_field_of_the_wrong_kind_is_damaged_and_named(tmp_path: Path) -> None:
    written(tmp_path)
    edited(tmp_path, lambda d: d.update(built="fp12"))
    with pytest.raises(ContractError, match=r"fp12.*\$\.built"):
        read(tmp_path)


@pytest.mark.parametrize(("schema", "fix"), [(2, "newer"), (0, "build the artifact again")])
def test_another_schema_says_which_way_to_go(tmp_path: Path, schema: int, fix: str) -> None:
    written(tmp_path)
    edited(tmp_path, lambda d: d.update(schema=schema))
    with pytest.raises(ContractError, match=f"schema {schema}") as caught:
        read(tmp_path)
    assert fix in caught.value.fix


def test_an_untouched_artifact_holds(tmp_path: Path) -> None:
    written(tmp_path)
    verify_files(tmp_path, read(tmp_path))


def test_an_artifact_that_was_moved_holds(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    kept = written(tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / "second")
    (tmp_path / "link").symlink_to("second", target_is_directory=True)
    verify_files(tmp_path / "link", kept)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    kept = written(tmp_path)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(ContractError, match=r"model\.onnx is missing"):
        verify_files(tmp_path, kept)


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    kept = written(tmp_path)
    (tmp_path / "model.onnx").unlink()
    (tmp_path / "model.onnx").mkdir()
    with pytest.raises(ContractError, match=r"model\.onnx is missing"):
        verify_files(tmp_path, kept)


def test_another_size_is_said(tmp_path: Path) -> None:
    kept = written(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"graph!")
    with pytest.raises(ContractError, match="6 bytes in place of 5"):
        verify_files(tmp_path, kept)


def test_one_flipped_bit_far_inside_is_found(tmp_path: Path) -> None:
    kept = written(tmp_path)
    data = bytearray((tmp_path / "deep" / "weights.bin").read_bytes())
    data[2_000_000] ^= 1
    (tmp_path / "deep" / "weights.bin").write_bytes(data)
    with pytest.raises(ContractError, match=r"weights\.bin has changed: other content"):
        verify_files(tmp_path, kept)


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "/etc/hostname",
        "a/../../secret",
        "..\\secret",
        "C:\\secret",
        "\\\\x\\y",
        "",
        "\0",
    ],
)
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "out").mkdir()
    with pytest.raises(ContractError, match="outside of the artifact"):
        verify_files(tmp_path / "out", manifest(File(name, "0" * 64, 1)))


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.onnx").symlink_to("../secret")
    files = hashed(tmp_path / "out", ["model.onnx"])
    with pytest.raises(ContractError, match=r"'model\.onnx' is outside"):
        verify_files(tmp_path / "out", manifest(*files))


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").symlink_to("model.onnx")
    with pytest.raises(ContractError, match=r"model\.onnx"):
        verify_files(tmp_path, manifest(File("model.onnx", "0" * 64, 1)))
