"""Arrays, lists, datasets and loaders in memory are samples; what can be read once is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from mcompile.errors import SamplesError
from mcompile.samples import open_samples
from mcompile.samples.memory import Memory
from mcompile.types import Port, Samples

X = Port("x", "float32", (1, 2))
ROWS = np.arange(14, dtype=np.float32).reshape(7, 2)
PAIRS = TensorDataset(torch.from_numpy(ROWS), torch.arange(7))


class Photos(Dataset[Any]):
    """A map-style dataset, which by itself never ends."""

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return ROWS[index % 7], index


def values(samples: Samples) -> list[list[float]]:
    return np.concatenate([s.feeds["x"] for s in samples]).tolist()


@pytest.mark.parametrize(
    "source",
    [
        ROWS,
        torch.from_numpy(ROWS),
        {"x": ROWS},
        list(ROWS),
        [{"x": row} for row in ROWS],
        [ROWS[:3], ROWS[3:]],
        DataLoader(PAIRS, batch_size=3),
        PAIRS,
        Photos(),
    ],
    ids=lambda source: type(source).__name__,
)
def test_all_forms_give_the_same_samples_each_time(source: Any) -> None:
    samples = open_samples(source, [X])
    assert values(samples) == ROWS.tolist()
    assert values(samples) == ROWS.tolist()


@pytest.mark.parametrize("source", [DataLoader(PAIRS, batch_size=3), PAIRS, Photos()])
def test_labels_come_along(source: Any) -> None:
    labels = [s.label for s in open_samples(source, [X])]
    assert [label.tolist() for label in labels if label is not None] == [[n] for n in range(7)]


def test_a_loader_feeds_a_model_of_a_fixed_batch() -> None:
    loader = DataLoader(PAIRS, batch_size=3)
    found = list(open_samples(loader, [Port("x", "float32", (2, 2))]))
    assert [s.feeds["x"].shape for s in found] == [(2, 2)] * 3
    assert [s.label.tolist() for s in found if s.label is not None] == [[0, 1], [2, 3], [4, 5]]


def test_samples_are_a_source_of_samples() -> None:
    first = open_samples(list(zip(ROWS, range(7), strict=True)), [X])
    again = open_samples(first, [X], limit=3)
    assert again.source == first.source
    assert [s.label.tolist() for s in again if s.label is not None] == [[0], [1], [2]]


@pytest.mark.parametrize("source", [iter(ROWS), (row for row in ROWS), map(np.float32, ROWS)])
def test_an_iterator_is_refused_because_it_can_be_read_once(source: Any) -> None:
    with pytest.raises(SamplesError, match="can be read only once") as caught:
        open_samples(source, [X])
    assert "pass a list" in caught.value.fix


def test_the_number_is_known_of_arrays_only() -> None:
    assert open_samples(ROWS, [X]).count == 7
    assert open_samples(list(ROWS), [X]).count is None


def test_text_is_not_a_list_of_letters() -> None:
    assert not Memory.takes("abc")
    assert not Memory.takes(b"abc")
