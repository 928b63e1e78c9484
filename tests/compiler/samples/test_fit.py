"""Chunks of any size become samples with the model's own batch, in order and complete."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mcompile.errors import SamplesError
from mcompile.samples.fit import fit
from mcompile.samples.preprocess import Preprocess
from mcompile.samples.source import Chunk, Wanted
from mcompile.types import Port, Sample

ONE = Port("x", "float32", (1, 2))
FOUR = Port("x", "float32", (4, 2))


def chunks(sizes: Sequence[int], labels: bool = True) -> list[Chunk]:
    found, start = [], 0
    for size in sizes:
        rows = np.arange(start, start + size)
        data = np.stack([rows, rows], axis=1).astype(np.float32)
        found.append(Chunk({"x": data}, rows if labels else None, f"part {len(found)}", start))
        start += size
    return found


def fitted(found: list[Chunk], *ports: Port) -> list[Sample]:
    return list(fit(found, Wanted(ports), "there"))


def test_a_batch_is_split_into_single_samples() -> None:
    made = fitted(chunks([3, 2]), ONE)
    assert [s.feeds["x"].shape for s in made] == [(1, 2)] * 5
    assert [s.label.tolist() for s in made if s.label is not None] == [[0], [1], [2], [3], [4]]
    assert [s.name for s in made][2:4] == ["part 0, row 2", "part 1, row 3"]


@pytest.mark.parametrize("sizes", [[12], [3, 3, 3, 3], [1] * 12, [5, 7], [11, 1], [13]])
def test_rows_are_grouped_to_a_fixed_batch_across_chunks(sizes: list[int]) -> None:
    made = fitted(chunks(sizes), FOUR)
    assert np.concatenate([s.feeds["x"] for s in made])[:, 0].tolist() == list(range(12))
    labels = [s.label for s in made if s.label is not None]
    assert [label.shape for label in labels] == [(4,)] * 3
    assert np.concatenate(labels).tolist() == list(range(12))


def test_a_last_batch_that_is_not_full_is_dropped() -> None:
    assert len(fitted(chunks([7]), FOUR)) == 1


def test_too_few_rows_for_one_batch_are_told() -> None:
    with pytest.raises(SamplesError, match="3 rows do not fill the model's fixed batch"):
        fitted(chunks([3]), FOUR)


@pytest.mark.parametrize("found", [[], chunks([0])])
def test_no_samples_are_refused(found: list[Chunk]) -> None:
    with pytest.raises(SamplesError, match="there are no samples") as caught:
        fitted(found, ONE)
    assert caught.value.where == "there"


def test_a_model_without_a_batch_gets_bare_samples_and_labels() -> None:
    stack = Chunk({"x": np.zeros((3, 2), np.float32)}, np.arange(3), stacked=True)
    made = fitted([stack], Port("x", "float32", (2,)))
    assert [s.feeds["x"].shape for s in made] == [(2,)] * 3
    assert [s.label.shape for s in made if s.label is not None] == [()] * 3


def test_some_labels_are_refused() -> None:
    with pytest.raises(SamplesError, match="some samples have a label") as caught:
        fitted([*chunks([2]), *chunks([2], labels=False)], ONE)
    assert caught.value.where == "there, part 0"


def test_a_change_of_rank_is_refused() -> None:
    single = Chunk({"x": np.zeros((1, 1, 2), np.float32)}, np.arange(1))
    with pytest.raises(SamplesError, match="changes its rank"):
        fitted([*chunks([2]), single], ONE)


def test_bytes_are_prepared_as_pictures() -> None:
    port = Port("x", "float32", (1, 3, 4, 4))
    rows = np.full((2, 4, 4, 3), 255, np.uint8)
    wanted = Wanted((port,), Preprocess(scale=255.0))
    made = list(fit([Chunk({"x": rows}, stacked=True)], wanted, "there"))
    assert [s.feeds["x"].shape for s in made] == [(1, 3, 4, 4)] * 2
    assert all((s.feeds["x"] == 1).all() for s in made)
