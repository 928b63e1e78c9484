"""Arrays are read side by side, in blocks that cover them exactly."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.errors import SamplesError
from mcompile.samples import stacked
from mcompile.samples.source import Wanted
from mcompile.samples.stacked import header, plan, read, slices
from mcompile.types import Array, Port

X = Port("x", "float32", (1, 3))
BATCH = Port("x", "float32", (4, 3))


def planned(wanted: Wanted, **arrays: Array) -> stacked.Plan:
    return plan({name: header(a) for name, a in arrays.items()}, wanted, "here")


def test_headers_tell_the_number_of_samples() -> None:
    data = np.zeros((9, 3), np.float32)
    assert planned(Wanted((X,)), x=data).number == 9
    assert planned(Wanted((BATCH,)), x=data).number == 2


@pytest.mark.parametrize("size", [1, 25, 1000])
@pytest.mark.parametrize("port", [X, BATCH])
def test_blocks_cover_the_whole_in_order(
    monkeypatch: pytest.MonkeyPatch, size: int, port: Port
) -> None:
    monkeypatch.setattr(stacked, "_BLOCK_BYTES", size)
    data = np.arange(36, dtype=np.float32).reshape(12, 3)
    labels = np.arange(12)
    wanted = Wanted((port,))
    how = planned(wanted, x=data, labels=labels)
    found = list(read({"x": slices(data), "labels": slices(labels)}, how, wanted, "a"))
    np.testing.assert_array_equal(np.concatenate([c.arrays["x"] for c in found]), data)
    assert [n for c in found if c.labels is not None for n in c.labels] == list(range(12))
    lengths = [len(c.arrays["x"]) for c in found]
    assert [c.start for c in found] == [sum(lengths[:n]) for n in range(len(lengths))]
    assert len(found) == {1: 12 // how.rows["x"], 1000: 1}.get(size, len(found))


def test_a_block_of_large_samples_is_one_sample() -> None:
    large = np.broadcast_to(np.float32(0), (5, 3_000_000))
    assert planned(Wanted((Port("x", "float32", (1, 3_000_000)),)), x=large).block == 1


def test_an_input_called_labels_is_an_input() -> None:
    port = Port("labels", "float32", (1, 3))
    data = np.zeros((2, 3))
    wanted = Wanted((port,))
    how = planned(wanted, labels=data)
    chunk = next(read({"labels": slices(data)}, how, wanted, ""))
    assert chunk.labels is None
    assert chunk.arrays["labels"].shape == (2, 3)


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(SamplesError, match="8 labels for 9 samples"):
        planned(Wanted((X,)), x=np.zeros((9, 3)), labels=np.zeros(8))


def test_a_name_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(SamplesError, match="no input 'label'") as caught:
        planned(Wanted((X,)), x=np.zeros((9, 3)), label=np.zeros(9))
    assert caught.value.fix == "labels"
