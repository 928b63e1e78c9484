"""The file of layers that are done: what comes back, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from mcompile.errors import UsageError
from mcompile.quantize import observe, plan
from mcompile.quantize.halfway import Known, key_of, load, save
from mcompile.types import QuantPlan

from .nets import SCHEME, residual, samples


def known():
    codes = np.arange(-4, 4, dtype=np.int8).reshape(2, 4)
    return Known({"a0": np.array([0.5, -1.0], np.float32)}, {"w1": codes}, ["a0", "b"])


def test_what_was_saved_comes_back_exactly(tmp_path):
    save(tmp_path / "layers.npz", "key", known())
    found = load(tmp_path / "layers.npz", "key")
    assert found.done == ["a0", "b"]
    np.testing.assert_array_equal(found.codes["w1"], known().codes["w1"])
    np.testing.assert_array_equal(found.shifts["a0"], known().shifts["a0"])
    assert found.codes["w1"].dtype == np.int8
    assert [p.name for p in tmp_path.iterdir()] == ["layers.npz"]


def test_nothing_is_known_without_a_file(tmp_path):
    assert load(tmp_path / "none.npz", "key") == Known()


def test_what_is_known_goes_over_a_plan():
    before = QuantPlan({}, {}, {"a0": np.array([1.0, 1.0])}, {"w2": np.zeros(1, np.int8)})
    after = known().over(before)
    np.testing.assert_array_equal(after.shifts["a0"], [1.5, 0.0])
    assert {*after.codes} == {"w1", "w2"}


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / "layers.npz"
    save(path, "key", known())
    path.write_bytes(path.read_bytes()[:-30] if damage is None else damage)
    with pytest.raises(UsageError, match="damaged") as caught:
        load(path, "key")
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 3


def test_a_foreign_archive_is_refused(tmp_path):
    np.savez(tmp_path / "layers.npz", x=np.zeros(3))
    with pytest.raises(UsageError, match="damaged"):
        load(tmp_path / "layers.npz", "key")


def test_layers_of_something_else_are_refused(tmp_path):
    save(tmp_path / "layers.npz", "key", known())
    with pytest.raises(UsageError, match="another model, plan or samples"):
        load(tmp_path / "layers.npz", "other")


def test_a_place_that_cannot_be_written_to_is_said(tmp_path):
    with pytest.raises(UsageError, match="cannot be saved"):
        save(tmp_path / "missing" / "layers.npz", "key", known())


def test_the_key_tells_all_apart_that_a_walk_is_made_from():
    program = residual()
    found = plan(program, observe(program, samples(program)), SCHEME)
    feeds = [s.feeds for s in samples(program, 2)]
    coarse = {n: replace(p, scale=p.scale * 2) for n, p in found.tensors.items()}
    keys = [
        key_of(program, found, SCHEME, feeds, "quick"),
        key_of(residual(1), found, SCHEME, feeds, "quick"),
        key_of(program, replace(found, tensors=coarse), SCHEME, feeds, "quick"),
        key_of(program, replace(found, left_float={"a0": "kept"}), SCHEME, feeds, "quick"),
        key_of(program, found, replace(SCHEME, pair_saturates=True), feeds, "quick"),
        key_of(program, found, SCHEME, feeds[:1], "quick"),
        key_of(program, found, SCHEME, feeds, "thorough"),
    ]
    assert len({*keys}) == len(keys)
    assert keys[0] == key_of(residual(), found, replace(SCHEME), feeds, "quick")
