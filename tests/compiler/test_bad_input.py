"""Bad input of every kind ends in three lines, the right exit code, and nothing written."""

from __future__ import annotations

import errno
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import pytest
import torch

from mcompile import cli, report
from mcompile.backends.onnxruntime import Onnxruntime
from mcompile.claim import claim

from .conftest import QUICK

INT8 = ("--precision", "int8")
Refuse = Callable[..., str]


@pytest.fixture
def refuse(data, monkeypatch, capfd) -> Refuse:
    """Runs a command in a folder of real files; its refusal's text, once its shape was held."""
    monkeypatch.chdir(data)

    def run(code: int, *words: str) -> str:
        before = {p: p.stat().st_mtime_ns for p in data.rglob("*") if p.suffix != ".lock"}
        assert cli.run([*words]) == code
        out, err = capfd.readouterr()
        assert out == ""
        lines = err.rstrip("\n").split("\n")
        assert len(lines) == 3, err
        for line, lead in zip(lines, ("error: ", "  in   ", "  try  "), strict=True):
            assert line.startswith(lead), err
            assert line[len(lead) :].strip(), err
        after = {p: p.stat().st_mtime_ns for p in data.rglob("*") if p.suffix != ".lock"}
        assert {p for p in after if p not in before} <= {data / "out"}
        assert {p for p in before if before[p] != after.get(p) and p.is_file()} == set()
        assert not (data / "out").exists() or not visible(data / "out")
        return err

    return run


def visible(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if not p.name.endswith(".lock")]


def build(model: str, *words: str) -> tuple[str, ...]:
    return (model, "--target", "cpu-server", *words, *QUICK)


# The model


def truncated(folder: Path) -> bytes:
    return (folder / "net.onnx").read_bytes()[:-40]


def saved(value: object, folder: Path) -> bytes:
    torch.save(value, folder / "saved")
    data = (folder / "saved").read_bytes()
    (folder / "saved").unlink()
    return data


FILES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "empty": (lambda _: b"", "the file is empty"),
    "truncated onnx": (truncated, ""),
    "truncated zip": (lambda f: saved({"w": torch.ones(999)}, f)[:-300], "truncated or damaged"),
    "random": (lambda _: np.random.default_rng(0).bytes(4096), "not a model"),
    "zeros": (lambda _: bytes(4096), "not a model"),
    "html": (lambda _: b"<!DOCTYPE html><html><body>Sign in</body></html>", "this is a web page"),
    "git-lfs": (lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git-lfs"),
    "text": (lambda _: b"hello", "not a model"),
    "state dict": (lambda f: saved({"w": torch.ones(3)}, f), ""),
    "bare pickle": (lambda _: pickle.dumps({"w": 1}, 2), ""),
}


@pytest.mark.parametrize("command", ["build", "inspect", "optimize"])
@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_model(refuse, data, kind, command) -> None:
    make, words = FILES[kind]
    (data / "bad.pt").write_bytes(make(data))
    more = {"build": build("bad.pt"), "inspect": ("inspect", "bad.pt"),
            "optimize": ("optimize", "bad.pt", "-o", "new.onnx")}  # fmt: skip
    assert words in refuse(3, *more[command])


@pytest.mark.parametrize("name", ["nets", ".", "/", "none.onnx", "", "a\tb", "no.such:Module"])
def test_a_name_that_leads_to_no_model(refuse, data, name) -> None:
    (data / "nets").mkdir()
    refuse(3, *build(name))


def test_a_malicious_pickle_is_not_run(refuse, data) -> None:
    class Creates:
        def __reduce__(self):
            return Path.touch, (data / "created",)

    for make in (lambda: pickle.dumps(Creates(), 2), lambda: saved(Creates(), data),
                 lambda: saved({"state_dict": {"w": Creates()}}, data)):  # fmt: skip
        (data / "evil.pt").write_bytes(make())
        for words in (build("evil.pt"), ("inspect", "evil.pt"), build("evil.pt", "--arch", "a:B")):
            error = refuse(3, *words)
            assert "it was not loaded" in error
            assert "touch" in error or "getattr" in error
    assert not (data / "created").exists()


def external(folder: Path, **entries: str) -> None:
    """net.onnx with its weights in weights.bin, and what each says of its place changed."""
    model = onnx.load(folder / "net.onnx")
    onnx.save(model, folder / "big.onnx", save_as_external_data=True, location="weights.bin",
              size_threshold=0)  # fmt: skip
    model = onnx.load(folder / "big.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        for key, value in entries.items():
            for entry in tensor.external_data:
                if entry.key == key:
                    entry.value = value
                    break
            else:
                tensor.external_data.add(key=key, value=value)
    (folder / "big.onnx").write_bytes(model.SerializeToString())


def test_external_data_that_is_missing(refuse, data) -> None:
    external(data)
    (data / "weights.bin").unlink()
    assert "a file with external data is missing" in refuse(3, *build("big.onnx"))


@pytest.mark.parametrize("place", ["../secret.bin", "/etc/hostname", "a/../../secret.bin"])
def test_external_data_outside_the_models_folder_is_not_opened(refuse, data, place) -> None:
    external(data, location=place)
    assert "points outside the model's folder" in refuse(3, *build("big.onnx"))


def test_external_data_behind_a_link_that_leads_out_is_not_opened(refuse, data) -> None:
    external(data)
    (data / "weights.bin").unlink()
    (data / "weights.bin").symlink_to("/etc/hostname")
    assert "points outside the model's folder" in refuse(3, *build("big.onnx"))


def test_external_data_that_is_cut_off(refuse, data) -> None:
    external(data)
    weights = (data / "weights.bin").read_bytes()
    (data / "weights.bin").write_bytes(weights[: len(weights) // 2])
    assert "truncated or damaged" in refuse(3, *build("big.onnx"))


def test_external_data_with_another_checksum(refuse, data) -> None:
    external(data, checksum="0" * 40)
    assert "the checksum of an external tensor" in refuse(3, *build("big.onnx"))


def change(folder: Path, edit: Callable[[onnx.GraphProto], object]) -> None:
    model = onnx.load(folder / "net.onnx")
    edit(model.graph)
    onnx.save(model, folder / "net.onnx")


def test_an_operator_that_nobody_knows(refuse, data) -> None:
    change(data, lambda g: setattr(g.node[1], "op_type", "Reluu"))
    error = refuse(3, *build("net.onnx"))
    assert "Reluu is not an operator of opset 17" in error


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_weights_that_are_not_numbers(refuse, data, value, word) -> None:
    def poison(g: onnx.GraphProto) -> None:
        weight = onnx.numpy_helper.to_array(g.initializer[0]).copy()
        weight.flat[3] = value
        g.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weight, g.initializer[0].name))

    change(data, poison)
    assert f"a weight holds {word}" in refuse(3, *build("net.onnx"))


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("y=F32[1,3,16,16]", 3, "the model has no input y"),
        ("x=F32[1,3,16]", 3, "rank"),
        ("x=I32[1,3,16,16]", 3, "element type"),
        ("x=F32[1,3,16,17]", 3, "size"),
        ("x=F99[1,3,16,16]", 2, "F99 is not an element type"),
        ("x=F32[1,-3]", 2, "-3 is not a dimension"),
        ("x", 2, "an input is a type and a shape"),
    ],
)
def test_an_input_that_is_not_the_models(refuse, text, code, words) -> None:
    assert words in refuse(code, *build("net.onnx", "--input", text))


# The samples

GOOD = np.random.default_rng(5).standard_normal((4, 3, 16, 16)).astype(np.float32)
SAMPLES = {
    "wrong name": ({"image": GOOD}, "the model has no input 'image'"),
    "wrong rank": ({"x": GOOD[:, 0]}, "x takes arrays of Nx3x16x16"),
    "wrong size": ({"x": GOOD[:, :, :8]}, "x takes 1x3x16x16, not 1x3x8x16"),
    "wrong layout": ({"x": np.moveaxis(GOOD, 1, -1)}, "not 1x16x16x3"),
    "wrong dtype": ({"x": GOOD.astype(np.int32)}, "x takes float32, not int32"),
    "none": ({"x": GOOD[:0]}, "there are no samples"),
    "nan": ({"x": np.where(GOOD > 2, np.nan, GOOD)}, "x holds NaN"),
    "infinity": ({"x": np.where(GOOD > 2, np.inf, GOOD)}, "x holds infinity"),
    "no arrays": ({}, ""),
}


@pytest.mark.parametrize("option", ["--calibration", "--evaluation"])
@pytest.mark.parametrize("kind", SAMPLES)
def test_samples_that_do_not_fit(refuse, data, kind, option) -> None:
    arrays, words = SAMPLES[kind]
    np.savez(data / "bad.npz", **arrays)
    precision = INT8 if option == "--calibration" else ()
    assert words in refuse(4, *build("net.onnx", *precision, option, "bad.npz"))


def test_a_single_calibration_sample(refuse, data) -> None:
    np.savez(data / "one.npz", x=GOOD[:1])
    error = refuse(4, *build("net.onnx", *INT8, "--calibration", "one.npz"))
    assert "1 sample, and at least 2 are needed" in error
    error = refuse(4, *build("net.onnx", *INT8, "--calibration", "calibration.npz",
                             "--samples", "1"))  # fmt: skip
    assert "1 sample, and at least 2 are needed" in error


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros(3, np.int64), "3 labels for 4 samples"),
        (np.full(4, 10), "the label [10] is not a class of the model"),
        (np.full(4, -1), "is not a class of the model"),
        (np.full(4, np.nan), "the label holds NaN"),
    ],
)
def test_labels_that_do_not_fit(refuse, data, labels, words) -> None:
    np.savez(data / "bad.npz", x=GOOD, labels=labels)
    metric = ("--metric", "top1")
    assert words in refuse(4, *build("net.onnx", *metric, "--evaluation", "bad.npz"))


def pickled(path: Path) -> None:
    with path.open("wb") as file:
        np.lib.format.write_array(file, np.array([{}], object), allow_pickle=True)


@pytest.mark.parametrize(
    "write",
    [
        lambda p: p.write_bytes(b""),
        lambda p: p.write_bytes(np.random.default_rng(0).bytes(999)),
        lambda p: p.write_text("<html></html>"),
        lambda p: p.mkdir(),
        pickled,
        str,
    ],
)
def test_a_file_that_holds_no_samples(refuse, data, write) -> None:
    write(data / "bad.npz")
    refuse(4, *build("net.onnx", *INT8, "--calibration", "bad.npz"))


def test_integers_without_calibration_data_are_not_invented(refuse) -> None:
    error = refuse(4, *build("net.onnx", *INT8))
    assert "--calibration SOURCE" in error
    assert "int8-dynamic" in error


# The words


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (("--target", "cpu-servr"), "cpu-server"),
        (("--budget", "latency_p95_ms=3"), "latency_p99_ms"),
        (("--budget", "size_mb"), "size_mb="),
        (("--budget", "size_mb=small"), "size_mb="),
        (("--metric", "top2"), "top"),
        (("--precision", "int9"), "int8"),
        (("--scenario", "mobile"), "mobile-app"),
        (("--skip", "fold_batchnrm"), "fold_batchnorm"),
        (("--strict", "--precision", "bf16"), ""),
        (("--arch-args", "{"), "{"),
        (("--target", "missing.toml"), ""),
    ],
)
def test_words_that_mean_nothing_lead_to_the_nearest(refuse, words, nearest) -> None:
    assert nearest in refuse(2, *build("net.onnx", *words)).split("  try  ")[1]


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ('titel = "x"', "title"),
        ("[budgets]\nlatency_msec = 3", "latency_p50_ms"),
        ("[device]\nmemry_mb = 3", "memory_mb"),
        ('precision = "int9"', "int8"),
        ("[budgets", ""),
        ('extends = "cpu-servr"', "cpu-server"),
    ],
)
def test_a_profile_with_a_wrong_key_or_value(refuse, data, text, nearest) -> None:
    lead = "" if "extends" in text else 'extends = "cpu-server"\n'
    (data / "mine.toml").write_text(lead + text)
    error = refuse(2, "net.onnx", "--target", "mine.toml")
    assert nearest in error.split("  try  ")[1]


@pytest.mark.parametrize("key", ["metrc", "target", "trust_code"])
def test_a_model_card_with_an_unknown_key(refuse, data, key) -> None:
    (data / "net.toml").write_text(f'{key} = "x"\n')
    assert f"{key} is not an option of a model card" in refuse(2, *build("net.onnx"))


def test_a_model_card_that_names_a_command_is_not_obeyed(refuse, data, monkeypatch) -> None:
    monkeypatch.setattr(os, "system", lambda _: pytest.fail("it was run"))
    (data / "net.toml").write_text('arch = "os:system"\narch_args = { command = "x" }\n')
    assert "not declared to be a network" in refuse(2, *build("net.onnx"))


# The place


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EROFS, "cannot be written"),
        (errno.EACCES, "cannot be written"),
    ],
)
@pytest.mark.parametrize("moment", ["folder", "model", "report"])
def test_a_disk_that_is_full_or_read_only(refuse, data, monkeypatch, code, words, moment) -> None:
    def fails(*rest, **more):
        place = data / "out" / "net-cpu-server-fp32" / "file"
        raise OSError(code, os.strerror(code), str(place))

    owner, name = {"folder": (os, "mkdir"), "model": (Onnxruntime, "lower"),
                   "report": (report, "write")}[moment]  # fmt: skip
    if moment == "folder":
        (data / "out").mkdir()
    monkeypatch.setattr(owner, name, fails)
    assert words in refuse(2, *build("net.onnx"))


def test_an_earlier_artifact_survives_a_full_disk(data, monkeypatch, capsys) -> None:
    monkeypatch.chdir(data)
    words = build("net.onnx", "-q")
    assert cli.run([*words]) == 0
    folder = data / "out" / "net-cpu-server-fp32"
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def full(*rest):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(report, "write", full)
    assert cli.run([*words]) == 2
    assert "the disk is full" in capsys.readouterr().err
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert visible(data / "out") == [folder.name]


def test_a_folder_that_no_build_wrote_is_not_replaced(refuse, data) -> None:
    mine = data / "mine" / "net-cpu-server-fp32"
    mine.mkdir(parents=True)
    (mine / "notes.txt").write_text("mine")
    assert "files that no build wrote" in refuse(2, *build("net.onnx", "-o", "mine"))
    assert (mine / "notes.txt").read_text() == "mine"


def test_two_builds_into_one_folder_at_once(data, monkeypatch, capsys) -> None:
    monkeypatch.chdir(data)
    with claim(data / "out" / "net-cpu-server-fp32") as folder:
        assert cli.run([*build("net.onnx")]) == 2
        assert "another build is writing this folder" in capsys.readouterr().err
        (folder / "artifact.json").write_text(json.dumps({"first": True}))
    # The first build is whole, and nothing of the second is left.
    assert visible(data / "out") == ["net-cpu-server-fp32"]
    assert visible(data / "out" / "net-cpu-server-fp32") == ["artifact.json"]
