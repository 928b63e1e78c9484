"""A folder of pictures becomes samples, one file at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mcompile.errors import SamplesError
from mcompile.samples import Preprocess, open_samples
from mcompile.samples.image_folder import ImageFolder
from mcompile.types import Port

X = Port("x", "float32", (1, 3, 4, 4))
HOW = Preprocess(scale=255.0)


def paint(path: Path, gray: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 5), (gray, gray, gray)).save(path)


def test_pictures_come_in_the_order_of_their_paths_with_labels(tmp_path: Path) -> None:
    for number, name in enumerate(["dog/b.png", "dog/a.PNG", "cat/z.png"]):
        paint(tmp_path / name, number * 51)
    (tmp_path / "notes.txt").write_text("not a picture")
    samples = open_samples(tmp_path, [X], preprocess=HOW)
    assert samples.count == 3
    found = list(samples)
    assert [s.name for s in found] == ["cat/z.png", "dog/a.PNG", "dog/b.png"]
    assert [s.label.tolist() for s in found if s.label is not None] == [[0], [1], [1]]
    assert [round(float(s.feeds["x"].mean()), 3) for s in found] == [0.4, 0.2, 0.0]
    assert found[0].feeds["x"].shape == (1, 3, 4, 4)


def test_a_pattern_chooses_and_labels(tmp_path: Path) -> None:
    for name in ("net_0_7.png", "net_1_5.png", "other_0_1.png"):
        paint(tmp_path / name, 9)
    how = Preprocess(label_pattern=r"net_\d+_(\d+)\.png")
    samples = open_samples(tmp_path, [X], preprocess=how)
    assert samples.count == 2
    assert [s.label.tolist() for s in samples if s.label is not None] == [[7], [5]]


def test_a_fixed_batch_takes_several_pictures(tmp_path: Path) -> None:
    for number in range(5):
        paint(tmp_path / str(number) / "a.png", number)
    samples = open_samples(tmp_path, [Port("x", "float32", (2, 3, 4, 4))], preprocess=HOW)
    assert samples.count == 2
    assert [s.label.tolist() for s in samples if s.label is not None] == [[0, 1], [2, 3]]


def test_hidden_files_are_left_out_and_links_followed_once(tmp_path: Path) -> None:
    paint(tmp_path / "real" / "a.png", 1)
    paint(tmp_path / ".thumbs" / "a.png", 1)
    paint(tmp_path / "real" / ".a.png", 1)
    paint(tmp_path / "elsewhere" / "b.png", 1)
    (tmp_path / "real" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "real", target_is_directory=True)
    samples = open_samples(tmp_path / "real", [X], preprocess=HOW)
    assert [s.name for s in samples] == ["a.png", "link/b.png"]


def test_pictures_for_floats_need_a_preprocess(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 1)
    with pytest.raises(SamplesError, match="pictures are bytes, and x takes float32") as caught:
        open_samples(tmp_path, [X])
    assert "imagenet" in caught.value.fix


def test_an_input_of_bytes_needs_none(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 7)
    (sample,) = open_samples(tmp_path, [Port("x", "uint8", ("n", 4, 4, 3))])
    assert sample.feeds["x"].dtype == np.uint8
    assert (sample.feeds["x"] == 7).all()


def test_a_model_of_two_inputs_is_refused(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 1)
    with pytest.raises(SamplesError, match="the model has 2 inputs"):
        open_samples(tmp_path, [X, Port("y", "float32", (1,))], preprocess=HOW)


def test_a_damaged_picture_is_named_and_the_ones_before_it_are_good(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 1)
    (tmp_path / "b.png").write_bytes(b"junk")
    stream = iter(open_samples(tmp_path, [X], preprocess=HOW))
    assert next(stream).name == "a.png"
    with pytest.raises(SamplesError, match="not a picture") as caught:
        next(stream)
    assert caught.value.where == str(tmp_path / "b.png")


def test_a_folder_without_pictures_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    assert not ImageFolder.takes(tmp_path)
    assert not ImageFolder.takes(tmp_path / "absent")
