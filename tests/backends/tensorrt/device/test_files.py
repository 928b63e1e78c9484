"""Checksums, and files that are whole or not there."""

from __future__ import annotations

import hashlib
import os

import pytest

from mcompile.backends.tensorrt.device.files import forget, sha256, write_whole


def test_a_checksum_over_several_pieces(tmp_path):
    data = bytes(range(256)) * 5000
    (tmp_path / "f").write_bytes(data)
    assert sha256(str(tmp_path / "f")) == hashlib.sha256(data).hexdigest()


def test_what_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "f"
    write_whole(str(path), b"old")

    def full(_number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_figures_of_an_earlier_engine_are_taken_away(tmp_path):
    path = tmp_path / "measured.json"
    forget(str(path))
    path.write_text("{}")
    forget(str(path))
    assert not path.exists()
