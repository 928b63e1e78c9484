"""Hashes are those of the bytes, however large the file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mcompile.files import hashed, sha256
from mcompile.types import File


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_a_hash_is_that_of_the_whole_file(tmp_path: Path, size: int) -> None:
    data = b"\x01" * size
    (tmp_path / "a").write_bytes(data)
    assert sha256(tmp_path / "a") == hashlib.sha256(data).hexdigest()


def test_files_are_listed_in_the_order_given_with_their_size(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b").write_bytes(b"abc")
    (tmp_path / "a").write_bytes(b"")
    found = hashed(tmp_path, ["deep/b", "a"])
    assert found == (
        File("deep/b", hashlib.sha256(b"abc").hexdigest(), 3),
        File("a", hashlib.sha256(b"").hexdigest(), 0),
    )
