"""The archive beside a plan: equal bytes for equal codes, and nobody else's archive."""

import hashlib
import io
import zipfile

import numpy as np
import pytest

from mcompile.errors import UsageError
from mcompile.quantize.plancodes import Beside, pack, unpack

CODES = {
    "b/w": np.arange(-6, 6, dtype=np.int8).reshape(3, 4),
    "a": np.array([[1, -2]], np.int8),
}


def put(folder, data=None):
    data = pack(CODES) if data is None else data
    (folder / "plan.npz").write_bytes(data)
    return Beside("plan.npz", hashlib.sha256(data).hexdigest())


def test_codes_come_back_by_name(tmp_path):
    back = unpack(put(tmp_path), tmp_path, "plan.json")
    assert {*back} == {*CODES}
    for name, codes in CODES.items():
        assert back[name].dtype == codes.dtype
        np.testing.assert_array_equal(back[name], codes)


def test_equal_codes_are_equal_bytes_whatever_their_order_and_layout():
    turned = {"a": CODES["a"], "b/w": np.asfortranarray(CODES["b/w"])}
    assert pack(turned) == pack(CODES)
    members = zipfile.ZipFile(io.BytesIO(pack(CODES))).infolist()
    assert [m.filename for m in members] == ["a.npy", "b/w.npy"]
    assert {(m.date_time, m.compress_type, m.create_system) for m in members} == {
        ((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED, 3)
    }


def refused(beside, folder, said):
    with pytest.raises(UsageError, match=said) as error:
        unpack(beside, folder, "plan.json")
    assert len(str(error.value).splitlines()) == 3
    return error.value


def test_a_missing_archive_is_refused(tmp_path):
    error = refused(Beside("plan.npz", "0" * 64), tmp_path, "plan.npz cannot be read")
    assert "copy plan.json and plan.npz together" in error.fix


def test_the_archive_of_another_plan_is_refused(tmp_path):
    beside = put(tmp_path)
    put(tmp_path, pack({"a": CODES["a"]}))
    refused(beside, tmp_path, "not the one that this plan was written with")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no archive", pack(CODES)[:-40]])
def test_what_is_no_archive_is_refused_though_its_hash_is_right(tmp_path, data):
    refused(put(tmp_path, data), tmp_path, "holds no arrays of integers")


def test_a_pickle_is_never_loaded(tmp_path):
    held = io.BytesIO()
    np.savez(held, w=np.array([{}], object))
    refused(put(tmp_path, held.getvalue()), tmp_path, "holds no arrays of integers")


@pytest.mark.parametrize("name", ["../plan.npz", "/etc/passwd", "", "a/plan.npz", ".."])
def test_an_archive_elsewhere_is_not_looked_for(tmp_path, name):
    (tmp_path / "a").mkdir()
    put(tmp_path / "a")
    beside = Beside(name, put(tmp_path).sha256)
    with pytest.raises(UsageError, match=r"not a file beside the plan|cannot be read"):
        unpack(beside, tmp_path, "plan.json")


def test_the_hash_alone_decides_and_not_the_name(tmp_path):
    beside = put(tmp_path)
    (tmp_path / "plan.npz").rename(tmp_path / "other.npz")
    with pytest.raises(UsageError, match="cannot be read"):
        unpack(beside, tmp_path, "plan.json")
    moved = Beside("other.npz", beside.sha256)
    assert {*unpack(moved, tmp_path, "plan.json")} == {*CODES}
