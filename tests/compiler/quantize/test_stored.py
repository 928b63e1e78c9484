"""The file of observed ranges: what comes back, and what is refused."""

import json
import zipfile

import numpy as np
import pytest

from mcompile.errors import SamplesError
from mcompile.quantize.ranges import BINS, TensorRange
from mcompile.quantize.stored import Observed, linked, load, save
from mcompile.types import Sample


def progress():
    """A tensor with channels along two axes, and one that nothing was seen of."""
    found = TensorRange()
    data = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    data[0, 0, 0] = 0
    found.add(data, (1, -1))
    return {"id1": Observed(found, 2, "abc"), "id2": Observed()}


def stored(folder):
    path = folder / "ranges.npz"
    save(path, progress(), "model", "photos", {"id1": "a"})
    return path


def test_what_was_saved_comes_back_exactly(tmp_path):
    found, made = load(stored(tmp_path)), progress()
    assert [*found] == ["id1", "id2"]
    for key, entry in made.items():
        other = found[key]
        assert (other.seen, other.chain) == (entry.seen, entry.chain)
        assert (other.range.low, other.range.high) == (entry.range.low, entry.range.high)
        assert (other.range.bound, other.range.zeros) == (entry.range.bound, entry.range.zeros)
        np.testing.assert_array_equal(other.range.counts, entry.range.counts)
        assert [*other.range.channels] == [*entry.range.channels]
        for axis, ends in entry.range.channels.items():
            np.testing.assert_array_equal(other.range.channels[axis].low, ends.low)
            np.testing.assert_array_equal(other.range.channels[axis].high, ends.high)


def test_what_came_back_can_be_added_to(tmp_path):
    found = load(stored(tmp_path))["id1"].range
    found.add(np.full((1, 3, 4), 9.0, np.float32), (1, -1))
    assert found.high == 9.0
    assert found.counts.sum() == 36


def test_the_head_is_text_that_says_what_was_observed_on_what(tmp_path):
    with np.load(stored(tmp_path), allow_pickle=False) as held:
        head = json.loads(held["head"].tobytes())
    assert (head["model"], head["source"]) == ("model", "photos")
    assert [row["name"] for row in head["tensors"]] == ["a", ""]


def test_no_file_is_no_progress(tmp_path):
    assert load(tmp_path / "none.npz") == {}


def test_saving_leaves_nothing_else_behind(tmp_path):
    stored(tmp_path)
    stored(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["ranges.npz"]


def test_a_write_that_fails_keeps_the_last_good_file(tmp_path, monkeypatch):
    path = stored(tmp_path)
    before = path.read_bytes()

    def full(file, **columns):
        file.write(b"half of")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(SamplesError, match="cannot be saved") as refused:
        save(path, progress(), "model", "photos", {})
    assert "No space left" in refused.value.where
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["ranges.npz"]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SamplesError) as refused:
        save(tmp_path / "no" / "ranges.npz", {}, "", "", {})
    assert len(str(refused.value).splitlines()) == 3


def rewritten(path, **changed):
    with np.load(path) as held:
        columns = {key: held[key] for key in held.files} | changed
    np.savez(path, **{k: v for k, v in columns.items() if v is not None})


def flipped(path):
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("counts.npy")
    data = bytearray(path.read_bytes())
    data[info.header_offset + 300] ^= 0xFF
    path.write_bytes(data)


def head(path, **changed):
    with np.load(path) as held:
        found = json.loads(held["head"].tobytes()) | changed
    return np.frombuffer(json.dumps(found).encode(), np.uint8)


DAMAGE = {
    "nothing": lambda p: p.write_bytes(b""),
    "text": lambda p: p.write_text("ranges"),
    "cut": lambda p: p.write_bytes(p.read_bytes()[:5000]),
    "flipped": flipped,
    "a folder": lambda p: (p.unlink(), p.mkdir()),
    "no counts": lambda p: rewritten(p, counts=None),
    "a pickle": lambda p: rewritten(p, zeros=np.array([{}, {}], object)),
    "other bins": lambda p: rewritten(p, counts=np.zeros((2, 7), np.int64)),
    "counts of another type": lambda p: rewritten(p, counts=np.zeros((2, BINS), np.float32)),
    "a row too few": lambda p: rewritten(p, extremes=np.zeros((1, 3))),
    "channels too few": lambda p: rewritten(p, channel_low=np.zeros(2, np.float32)),
    "no JSON": lambda p: rewritten(p, head=np.frombuffer(b"{", np.uint8)),
    "a later schema": lambda p: rewritten(p, head=head(p, schema=9)),
    "an unknown field": lambda p: rewritten(p, head=head(p, more=1)),
    "another archive": lambda p: np.savez(p, x=np.zeros(3)),
    "an array alone": lambda p: np.save(p.open("wb"), np.zeros(3)),
}


@pytest.mark.parametrize("harm", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_refused_in_three_lines(tmp_path, harm):
    path = stored(tmp_path)
    harm(path)
    with pytest.raises(SamplesError, match="damaged, or is something else") as refused:
        load(path)
    assert len(str(refused.value).splitlines()) == 3


def test_the_chain_tells_samples_apart_by_name_type_shape_value_and_order():
    data = np.arange(4, dtype=np.float32)
    feeds = [
        {"x": data},
        {"y": data},
        {"x": data.astype(np.float64)},
        {"x": data.reshape(2, 2)},
        {"x": data + 1},
        {"x": np.array(["a", "b"], object)},
        {"x": np.array(["a", "c"], object)},
    ]
    found = [linked("", Sample(f)) for f in feeds]
    assert len({*found}) == len(feeds)
    assert linked(found[0], Sample(feeds[1])) != linked(found[1], Sample(feeds[0]))
    strided = np.arange(8, dtype=np.float32)[::2] / 2
    assert linked("", Sample({"x": strided})) == found[0]
