"""The caller comes first, the card second; and a card cannot have code run by being there."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

import pytest

from mcompile import card as options
from mcompile.card import Card, with_card
from mcompile.errors import UsageError
from mcompile.options import Options

NETS = """
import torch

called = []

class Net(torch.nn.Module):
    @classmethod
    def small(cls):
        called.append("small")
        return cls()

def annotated() -> Net:
    called.append("annotated")
    return Net()

def silent():
    called.append("silent")
    return Net()

def lies() -> int:
    called.append("lies")

def damaged() -> "NoSuchClass":
    called.append("damaged")
"""
FULL = """
backend = "auto"
arch = "{nets}:Net"
arch_args = {{ width = 2 }}
inputs = ["F32[1,3,8,8]"]
calibration = "pictures"
evaluation = "/data/held-out.npz"
samples = 64
percentile = 99.9
metric = "top5"
preprocess = "how.toml"
labels = "classes.txt"
scenario = "edge"
[budgets]
size_mb = 3
latency_p50_ms = 40.5
"""

NOTHING = Options()


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """An importable module that notes which of its functions were called."""
    name = f"card_nets_{tmp_path.name}".replace("-", "_")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / f"{name}.py").write_text(NETS)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    yield name
    sys.modules.pop(name, None)


def write(folder: Path, text: str) -> Path:
    (folder / "model.onnx").touch()
    (folder / "model.toml").write_text(text)
    return folder / "model.onnx"


def refused(folder: Path, text: str, given: Options = NOTHING) -> UsageError:
    with pytest.raises(UsageError) as caught:
        with_card(write(folder, text), given or Options())
    assert caught.value.where
    assert caught.value.fix
    return caught.value


def test_every_key_of_a_card_fills_a_gap(tmp_path, nets) -> None:
    found, told = with_card(write(tmp_path, FULL.format(nets=nets)), Options(target="cpu-server"))
    assert found == Options(
        target="cpu-server",
        backend="auto",
        arch=f"{nets}:Net",
        arch_args={"width": 2},
        inputs=("F32[1,3,8,8]",),
        calibration=str(tmp_path / "pictures"),
        evaluation="/data/held-out.npz",
        samples=64,
        percentile=99.9,
        metric="top5",
        preprocess=str(tmp_path / "how.toml"),
        labels=str(tmp_path / "classes.txt"),
        scenario="edge",
        budgets=("size_mb=3.0", "latency_p50_ms=40.5"),
    )
    assert set(told) == {f.name for f in fields(Card)}
    assert all(isinstance(text, str) for text in told.values())


def test_the_caller_wins_and_what_the_card_gave_is_told(tmp_path, nets) -> None:
    given = Options(
        arch="x:y", arch_args={"a": 1}, inputs=("F32[1]",), calibration="mine", evaluation=[1],
        backend="openvino", samples=1, percentile=50.0, metric="mae", preprocess="imagenet",
        scenario="iot", labels=("a",),
    )  # fmt: skip
    found, told = with_card(write(tmp_path, FULL.format(nets=nets)), given)
    assert set(told) == {"budgets"}
    assert {
        f.name for f in fields(Options) if getattr(found, f.name) != getattr(given, f.name)
    } == {"budgets"}


def test_budgets_of_both_hold_and_the_callers_come_last(tmp_path) -> None:
    model = write(tmp_path, "[budgets]\nsize_mb = 3\nfps = 1")
    found, _ = with_card(model, Options(budgets=("size_mb=9",)))
    assert found.budgets == ("size_mb=3.0", "fps=1.0", "size_mb=9")


def test_a_preset_and_a_table_are_no_paths(tmp_path) -> None:
    found, _ = with_card(write(tmp_path, "preprocess = 'imagenet'"), Options())
    assert found.preprocess == "imagenet"
    found, _ = with_card(write(tmp_path, "preprocess = { scale = 255 }"), Options())
    assert found.preprocess == {"scale": 255}


@pytest.mark.parametrize("source", ["package.nets:make", 3, "", ".", "/", "x" * 5000, "a\0b"])
def test_what_is_no_file_has_no_card(source, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert with_card(source, Options()) == (Options(), {})


def test_a_card_is_not_its_own_card(tmp_path) -> None:
    (tmp_path / "model.toml").write_text("metric = 'top1'")
    assert with_card(tmp_path / "model.toml", Options()) == (Options(), {})


def test_an_unknown_key_is_named_with_the_nearest(tmp_path) -> None:
    error = refused(tmp_path, "calibraton = 'x'")
    assert error.what == "calibraton is not an option of a model card"
    assert "calibration" in error.fix


@pytest.mark.parametrize("key", ["trust_code", "out", "strict", "skip", "seed", "threads"])
def test_a_card_cannot_grant_itself_trust_nor_choose_where_to_write(tmp_path, key) -> None:
    assert refused(tmp_path, f"{key} = true").what.startswith(f"{key} is not an option")


@pytest.mark.parametrize("text", ["a =", "[budgets", "metric = 'top1"])
def test_a_card_that_is_not_toml_is_refused(tmp_path, text) -> None:
    assert "not TOML" in refused(tmp_path, text).what


def test_a_card_that_is_no_text_is_refused(tmp_path) -> None:
    model = write(tmp_path, "")
    (tmp_path / "model.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not TOML"):
        with_card(model, Options())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("inputs = 'F32[1]'", "$.inputs"),
        ("samples = 'all'", "$.samples"),
        ("[budgets]\nsize_mb = 'small'", "$.budgets"),
        ("arch_args = 3", "$.arch_args"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(tmp_path, text, place) -> None:
    assert place in refused(tmp_path, text).what


@pytest.mark.parametrize("key", ["calibration", "evaluation", "metric"])
def test_code_for_samples_or_metric_is_refused_without_trust(tmp_path, nets, key) -> None:
    error = refused(tmp_path, f"{key} = '{nets}:silent'")
    assert error.what == f"the model card wants to run {nets}:silent for {key}"
    assert "--trust-code" in error.fix
    assert nets not in sys.modules


@pytest.mark.parametrize("key", ["calibration", "evaluation", "metric"])
def test_with_trust_it_is_left_to_be_run(tmp_path, nets, key, monkeypatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    model = write(tmp_path, f"{key} = '{nets}:silent'")
    found, _ = with_card(model, Options(trust_code=True))
    assert getattr(found, key) == f"{nets}:silent"


def test_what_the_caller_named_is_the_callers_to_run(tmp_path, nets) -> None:
    model = write(tmp_path, f"metric = '{nets}:silent'\narch = 'os:system'")
    found, _ = with_card(model, Options(metric="mine:score", arch="mine:Net"))
    assert (found.metric, found.arch) == ("mine:score", "mine:Net")


@pytest.mark.parametrize("name", ["os:system", "subprocess:Popen", "torch.hub:load", "torch:load"])
def test_an_arch_that_is_no_network_is_refused_and_not_called(tmp_path, monkeypatch, name) -> None:
    import torch

    def called(*args, **more):
        raise AssertionError("it was called")

    for owner, attribute in ((options.os, "system"), (torch.hub, "load"), (torch, "load")):
        monkeypatch.setattr(owner, attribute, called)
    error = refused(tmp_path, f"arch = '{name}'\narch_args = {{ command = 'true' }}")
    assert error.what.startswith(f"the model card's arch {name} ")
    assert error.what.endswith(("is not declared to be a network", "load files or download: load"))
    assert "--trust-code" in error.fix


@pytest.mark.parametrize("name", ["silent", "lies", "damaged"])
def test_an_arch_that_does_not_say_what_it_returns_is_refused_and_not_called(
    tmp_path, nets, name
) -> None:
    refused(tmp_path, f"arch = '{nets}:{name}'")
    assert sys.modules[nets].called == []


@pytest.mark.parametrize("name", ["Net", "Net.small", "annotated"])
def test_a_network_is_told_by_its_class_or_annotation_without_being_called(
    tmp_path, nets, name
) -> None:
    found, _ = with_card(write(tmp_path, f"arch = '{nets}:{name}'"), Options())
    assert found.arch == f"{nets}:{name}"
    assert sys.modules[nets].called == []


@pytest.mark.parametrize("name", ["no_such_module_here:Net", "x"])
def test_an_arch_that_cannot_be_found_is_refused(tmp_path, name) -> None:
    with pytest.raises(UsageError):
        with_card(write(tmp_path, f"arch = '{name}'"), Options())


@pytest.mark.parametrize(
    ("arch", "word"),
    [
        ("arch = 'NETS:Net.from_pretrained'", "may load files or download"),
        ("arch = 'NETS:Net'\narch_args = { pretrained = true }", "may load files or download"),
        ("arch = 'NETS:annotated'\narch_args = { weights = 'DEFAULT' }", "may load files"),
        ("arch = 'NETS:Net'\narch_args = { kind = '../theirs.ckpt' }", "a place to load from"),
        ("arch = 'NETS:Net'\narch_args = { parts = ['https://there'] }", "a place to load from"),
    ],
)
def test_an_arch_that_might_fetch_something_needs_trust(tmp_path, nets, arch, word) -> None:
    assert word in refused(tmp_path, arch.replace("NETS", nets)).what


def test_an_arch_may_be_told_that_it_is_not_pretrained(tmp_path, nets) -> None:
    text = f"arch = '{nets}:Net'\narch_args = {{ pretrained = false, kind = 'small' }}"
    assert with_card(write(tmp_path, text), Options())[0].arch == f"{nets}:Net"


def test_an_unknown_budget_of_a_card_is_the_cards(tmp_path) -> None:
    error = refused(tmp_path, "[budgets]\nlatency_msec = 5")
    assert error.what == "latency_msec is not a budget"
    assert "[budgets]" in error.where
    assert "latency_p50_ms" in error.fix
