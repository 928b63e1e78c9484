"""A source is recognised by looking, refused when nobody takes it, and streamed lazily."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mcompile.errors import Broken, SamplesError, UsageError
from mcompile.samples import open_samples, opening
from mcompile.samples.source import Source
from mcompile.types import Port

X = Port("x", "float32", (1, 2))


def test_every_kind_is_found_by_looking() -> None:
    names = {kind.__name__ for kind in opening.kinds()}
    assert {"Call", "ImageFolder", "Memory", "NpyFile", "NpzFile", "NpzFolder"} <= names
    assert all(kind.title for kind in opening.kinds())


def test_two_kinds_in_one_file_are_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    import mcompile.samples.npy_file as module

    second = type("Second", (Source,), {"__module__": module.__name__})
    monkeypatch.setattr(module, "Second", second, raising=False)
    with pytest.raises(Broken, match="holds 2 kinds of source"):
        opening.kinds()


def test_names_start_at_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    assert open_samples("a.npy", [X], base=tmp_path).count == 3
    assert open_samples(tmp_path / "a.npy", [X], base=Path("/nowhere")).count == 3
    monkeypatch.chdir(tmp_path)
    assert open_samples("a.npy", [X]).count == 3


def test_a_missing_path_leads_to_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("phtoos", "phtoos/train"):
        with pytest.raises(SamplesError, match="there are no samples of that name") as caught:
            open_samples(str(tmp_path / name), [X])
        assert caught.value.fix == f"{tmp_path}: photos"
        assert caught.value.where == str(tmp_path / name)


@pytest.mark.parametrize("name", ["a" * 5000, "\0", "", "no such place"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SamplesError):
        open_samples(name, [X], base=tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SamplesError, match=r"neither pictures nor \.npz") as caught:
        open_samples(tmp_path, [X])
    assert "a folder of pictures" in caught.value.fix


@pytest.mark.parametrize(
    ("content", "what"), [(b"", "an empty file"), (b"<html>", "of no kind that holds samples")]
)
def test_a_file_of_no_kind_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(SamplesError, match=what):
        open_samples(tmp_path / "a.npz", [X])


def test_a_folder_of_two_kinds_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2)))
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(SamplesError, match="two kinds of samples") as caught:
        open_samples(tmp_path, [X])
    assert caught.value.fix == "one of: a folder of .npz files, a folder of pictures"


@pytest.mark.parametrize("source", [3, None, b"bytes"])
def test_an_object_of_no_kind_is_refused(source: Any) -> None:
    with pytest.raises(SamplesError, match=f"{type(source).__name__} is no source of samples"):
        open_samples(source, [X])


def test_a_limit_cuts_the_stream_and_the_count() -> None:
    samples = open_samples(np.zeros((9, 2)), [X], limit=4)
    assert samples.count == len(list(samples)) == 4
    assert open_samples(np.zeros((3, 2)), [X], limit=4).count == 3
    with pytest.raises(UsageError, match="0 samples are none"):
        open_samples(np.zeros((3, 2)), [X], limit=0)


def test_a_limit_stops_reading() -> None:
    read = []

    def photos() -> Iterator[Any]:
        for number in range(100):
            read.append(number)
            yield np.zeros(2)

    assert len(list(open_samples(photos, [X], limit=3))) == 3
    assert len(read) == 3


def test_a_model_without_inputs_is_refused() -> None:
    with pytest.raises(SamplesError, match="no inputs"):
        open_samples(np.zeros(3), [])


def test_samples_of_files_survive_the_way_to_another_process(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((3, 2)), labels=np.arange(3))
    samples = pickle.loads(pickle.dumps(open_samples(tmp_path / "a.npz", [X])))
    assert [s.label.tolist() for s in samples if s.label is not None] == [[0], [1], [2]]
