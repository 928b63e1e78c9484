"""Labels of pictures come from a pattern, a CSV or sub-folders, and are complete or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcompile.errors import SamplesError
from mcompile.samples.classes import labelled


def labels(folder: Path, names: list[str], pattern: str = "") -> list[int] | None:
    found = labelled(folder, [folder / name for name in names], pattern)[1]
    return None if found is None else list(found)


def test_sub_folders_are_numbered_in_the_order_of_their_names(tmp_path: Path) -> None:
    assert labels(tmp_path, ["cat/1.jpg", "dog/1.jpg", "ant/x/1.jpg"]) == [1, 2, 0]


def test_sub_folders_that_are_numbers_are_the_labels(tmp_path: Path) -> None:
    assert labels(tmp_path, ["7/1.jpg", "0012/1.jpg"]) == [7, 12]
    assert labels(tmp_path, ["7/1.jpg"]) == [7]


@pytest.mark.parametrize(
    "names", [["a.jpg", "b.jpg"], ["all/a.jpg", "all/b.jpg"], ["a.jpg", "c/b.jpg"]]
)
def test_a_folder_that_does_not_sort_its_pictures_tells_no_labels(
    tmp_path: Path, names: list[str]
) -> None:
    assert labels(tmp_path, names) is None


def test_a_pattern_takes_labels_from_names_and_leaves_out_the_rest(tmp_path: Path) -> None:
    names = ["imagenet_00_243.jpg", "cifar_01_3.png", "imagenet_01_9.jpg"]
    paths, found = labelled(tmp_path, [tmp_path / n for n in names], r"imagenet_\d+_(\d+)\.jpg")
    assert [p.name for p in paths] == [names[0], names[2]]
    assert found == [243, 9]


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SamplesError, match="no picture's name matches") as caught:
        labels(tmp_path, ["a.jpg"], r"(\d+)\.jpg")
    assert "a.jpg" in caught.value.fix


def test_a_csv_labels_by_number_or_by_name(tmp_path: Path) -> None:
    csv = tmp_path / "labels.csv"
    csv.write_text("\ufefffile, label, note\nb.jpg, 3, x\nc/a.jpg, 1, y\n", encoding="utf-8")
    assert labels(tmp_path, ["b.jpg", "c/a.jpg"]) == [3, 1]
    csv.write_text("file,label\nb.jpg,dog\nc/a.jpg,cat\n")
    assert labels(tmp_path, ["b.jpg", "c/a.jpg"]) == [1, 0]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the columns are missing"),
        ("name,label\na.jpg,1\n", "the columns are name, label"),
        ("file,label\na.jpg,1\n", "1 of 2 pictures have no label, b.jpg first"),
        ("file,label\na.jpg,1\nb.jpg,2\nbb.jpg,3\n", "there is no picture bb.jpg"),
        ("file,label\na.jpg,1\na.jpg,2\n", "a.jpg is there twice"),
        ("file,label\na.jpg\nb.jpg,2\n", "a file or label is empty"),
    ],
)
def test_a_csv_that_does_not_fit_is_refused(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(SamplesError, match=what) as caught:
        labels(tmp_path, ["a.jpg", "b.jpg"])
    assert str(tmp_path / "labels.csv") in caught.value.where


def test_a_csv_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"file,label\n\xff\xfe,1\n")
    with pytest.raises(SamplesError, match="this CSV cannot be read"):
        labels(tmp_path, ["a.jpg"])
