"""Golden cases survive the way to the disk and back, and their bytes depend on nothing else."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from mcompile.errors import Broken, ContractError
from mcompile.golden import GOLDEN, distance, read_golden, write_golden
from mcompile.types import Feeds

ODD = ["image", "a/b.c", "../../up", "ein wort", "x%2Fy", "日本", "7", "in.0", "x.npy", "a:b*?"]


def cases() -> list[tuple[Feeds, Feeds]]:
    rng = np.random.default_rng(0)
    return [
        (
            {"image": rng.normal(size=(1, 3, 4, 4)).astype(np.float32), "n": np.int64(number)},
            {"logits": rng.normal(size=(1, 5)).astype(np.float16)},
        )
        for number in range(12)
    ]


def test_cases_come_back_in_order_and_exact(tmp_path: Path) -> None:
    write_golden(tmp_path, cases(), 0.25)
    golden = read_golden(tmp_path)
    assert golden.tolerance == 0.25
    assert len(golden.cases) == 12
    for (feeds, outputs), (kept, expected) in zip(cases(), golden.cases, strict=True):
        for given, found in ((feeds, kept), (outputs, expected)):
            assert list(given) == list(found)
            for name in given:
                np.testing.assert_array_equal(given[name], found[name])
                assert np.asarray(given[name]).dtype == found[name].dtype


def test_two_writes_make_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    turned = [({n: np.asarray(a, order="F") for n, a in f.items()}, o) for f, o in cases()]
    for folder, given in zip(folders, (cases(), turned), strict=True):
        folder.mkdir()
        write_golden(folder, given, 0.1)
    assert (folders[0] / GOLDEN).read_bytes() == (folders[1] / GOLDEN).read_bytes()


def test_odd_names_are_kept_and_lead_nowhere(tmp_path: Path) -> None:
    feeds = {name: np.full((1,), i, np.int32) for i, name in enumerate(ODD)}
    write_golden(tmp_path, [(feeds, feeds)], 0.0)
    kept, expected = read_golden(tmp_path).cases[0]
    assert {n: int(a[0]) for n, a in kept.items()} == {n: i for i, n in enumerate(ODD)}
    assert set(expected) == set(ODD)
    with zipfile.ZipFile(tmp_path / GOLDEN) as archive:
        assert not [n for n in archive.namelist() if "/" in n or "\\" in n or not n.isascii()]


def test_text_is_kept_without_pickle(tmp_path: Path) -> None:
    words = np.array(["yes", "no"], dtype=object)
    write_golden(tmp_path, [({"text": words}, {})], 0.0)
    assert read_golden(tmp_path).cases[0][0]["text"].tolist() == ["yes", "no"]


def test_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="cannot be kept"):
        write_golden(tmp_path, [({"x": np.array([{}], dtype=object)}, {})], 0.0)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"golden\.npz is missing"):
        read_golden(tmp_path)


def test_a_pickle_in_its_place_is_not_run(tmp_path: Path) -> None:
    np.savez(tmp_path / GOLDEN, tolerance=np.array([print], dtype=object))
    with pytest.raises(ContractError, match="is damaged"):
        read_golden(tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 500, -30])
def test_a_truncated_file_is_damaged(tmp_path: Path, keep: int) -> None:
    write_golden(tmp_path, cases(), 0.1)
    data = (tmp_path / GOLDEN).read_bytes()
    (tmp_path / GOLDEN).write_bytes(data[:keep])
    with pytest.raises(ContractError, match="is damaged"):
        read_golden(tmp_path)


@pytest.mark.parametrize("key", ["stray", "0.sideways.x", "x.in.y", "3.in.x"])
def test_an_archive_of_other_things_is_damaged(tmp_path: Path, key: str) -> None:
    np.savez(tmp_path / GOLDEN, **{"tolerance": np.float64(0), key: np.zeros(1)})
    with pytest.raises(ContractError, match="is damaged"):
        read_golden(tmp_path)


@pytest.mark.parametrize(
    ("got", "want"),
    [
        ([np.nan, np.nan], [1, 1]),
        ([np.nan, 1.1], [1, 1]),
        ([1, 1], [np.nan, 1]),
        ([np.inf, 1], [-np.inf, 1]),
        ([np.inf, 1], [1, 1]),
    ],
)
def test_what_is_not_finite_must_be_the_same(got: list[float], want: list[float]) -> None:
    assert distance(np.array(got, np.float32), np.array(want, np.float32)) == float("inf")
    same = np.array(want, np.float32)
    assert distance(same, same) == 0.0


def test_distance_is_a_share_of_the_largest() -> None:
    got, want = np.array([1.0, 9.0], np.float32), np.array([1.0, 10.0], np.float32)
    assert distance(got, want) == pytest.approx(0.1)
    assert distance(np.array([1, 2]), np.array([1, 3])) == 0.5
    assert distance(np.array([], np.int64), np.array([], np.int64)) == 0.0
    assert distance(np.zeros((2, 1), np.float32), np.zeros(2, np.float32)) == float("inf")
