"""What all kinds of source share."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcompile.errors import SamplesError
from mcompile.samples.source import Wanted, begins
from mcompile.types import Port

X, Y = Port("x", "float32", (1, 2)), Port("y", "float32", (1, 2))


def test_data_without_a_name_is_for_the_only_input() -> None:
    assert Wanted((X,)).sole("here") is X


def test_data_without_a_name_cannot_be_for_two_inputs() -> None:
    with pytest.raises(SamplesError, match="the model has 2 inputs") as caught:
        Wanted((X, Y)).sole("here")
    assert caught.value.fix == "arrays by name: x, y"


def test_a_file_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"PK\x03")
    assert begins(tmp_path / "a", b"PK")
    assert not begins(tmp_path / "a", b"KP")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SamplesError, match="cannot be read") as caught:
        begins(tmp_path, b"PK")
    assert caught.value.where == str(tmp_path)
