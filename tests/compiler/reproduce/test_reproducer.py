"""The folder that shows a mistake: its files, and what they say."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest

from mcompile import graph
from mcompile.oracle import Oracle
from mcompile.reproduce import reproducer
from mcompile.reproduce.reproducer import Reproducer, write
from mcompile.samples import open_samples

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'


@pytest.fixture
def made():
    """A MatMul whose weight somebody doubled."""
    text = HEAD + "g (float[2,3] x, float s) => (float[2,3] y) { m = MatMul(x, w) y = Mul(m, s) }"
    weight = np.arange(9, dtype=np.float32).reshape(3, 3)
    before, after = (graph.parse(text, {"w": k * weight}) for k in (1, 2))
    feeds = {"x": np.ones((2, 3), np.float32), "s": np.array(2, np.float32)}
    want, got = (Oracle(p).run(feeds) for p in (before, after))
    error = "y is off by 9"
    return Reproducer("fold_x", "a/m", error, before, after, feeds, want, got, (), 40, True)


def test_the_folder_holds_the_sub_model_before_and_after(made, tmp_path):
    write(made, tmp_path / "r")
    assert {p.name for p in (tmp_path / "r").iterdir()} == {
        "before.onnx", "after.onnx", "inputs.npz", "outputs.npz", "before.toml", "README.txt",
    }  # fmt: skip
    for name in ("before", "after"):
        onnx.checker.check_model(tmp_path / "r" / f"{name}.onnx", full_check=True)


def test_expected_is_what_before_makes_of_the_inputs_and_got_what_after_does(made, tmp_path):
    write(made, tmp_path / "r")
    with np.load(tmp_path / "r" / "inputs.npz") as stored:
        feeds = {name: np.asarray(stored[name][0]) for name in stored.files}
    with np.load(tmp_path / "r" / "outputs.npz") as stored:
        for side, name in (("expected", "before"), ("got", "after")):
            program = graph.load(tmp_path / "r" / f"{name}.onnx", name)
            np.testing.assert_array_equal(stored[f"{side}.y"], Oracle(program).run(feeds)["y"])
        assert not np.array_equal(stored["expected.y"], stored["got.y"])


def test_the_inputs_can_be_given_as_samples(made, tmp_path):
    write(made, tmp_path / "r")
    [sample] = open_samples(tmp_path / "r" / "inputs.npz", made.before.inputs)
    for name, data in made.inputs.items():
        np.testing.assert_array_equal(sample.feeds[name], data)


def test_equal_ones_are_equal_bytes(made, tmp_path):
    for name in "ab":
        write(made, tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_the_text_says_what_happened_and_what_to_do(made, tmp_path):
    write(made, tmp_path / "r")
    text = (tmp_path / "r" / "README.txt").read_text()
    assert "fold_x was undone at a/m: y is off by 9" in text
    assert "2 of 40" in text
    assert "    mcompile optimize before.onnx -o again.onnx -v\n" in text
    assert "--skip fold_x" in text
    assert text.endswith("\n")


def test_a_command_that_shows_nothing_is_not_in_the_text(made, tmp_path):
    write(dataclasses.replace(made, seen=False), tmp_path / "r")
    text = (tmp_path / "r" / "README.txt").read_text()
    assert "mcompile optimize" not in text
    assert "hold after.onnx against before.onnx" in text


def test_a_crash_leaves_no_program_behind(made, tmp_path):
    write(dataclasses.replace(made, after=None, got={}), tmp_path / "r")
    assert not (tmp_path / "r" / "after.onnx").exists()
    assert "the rule crashed" in (tmp_path / "r" / "README.txt").read_text()


def test_inputs_that_are_no_numbers_are_kept_but_are_no_samples(made, tmp_path):
    poisoned = {**made.inputs, "s": np.asarray(np.float32(np.inf))}
    made = dataclasses.replace(made, inputs=poisoned)
    assert made.samples == ()
    write(made, tmp_path / "r")
    assert not (tmp_path / "r" / "before.toml").exists()
    with np.load(tmp_path / "r" / "inputs.npz") as stored:
        assert np.isinf(stored["s"][0])


def test_text_is_an_input_too(made, tmp_path):
    words = {**made.inputs, "t": np.array(["a", "bc"], object)}
    write(dataclasses.replace(made, inputs=words), tmp_path / "r")
    with np.load(tmp_path / "r" / "inputs.npz") as stored:
        assert stored["t"][0].tolist() == ["a", "bc"]


def test_the_module_says_how_it_is_used():
    for word in ("before.onnx", "outputs.npz", "README.txt", "--skip RULE"):
        assert word in reproducer.__doc__
