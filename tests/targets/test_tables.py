from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mcompile.targets.places import Place
from mcompile.targets.tables import read

Said = Callable[..., str]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "pi.toml", "pi.toml")


def test_a_file_is_read_with_or_without_the_mark_of_windows_editors(place: Place) -> None:
    place.path.write_bytes(b'\xef\xbb\xbfbackend = "onnxruntime"\r\n')
    assert read(place) == {"backend": "onnxruntime"}


def test_broken_toml_is_named_by_line_and_column(place: Place, said: Said) -> None:
    place.path.write_text('backend = "onnxruntime"\nprecision fp32\n')
    what, where, fix = said(read, place).splitlines()
    assert what.startswith("the profile is not valid TOML: expected '='")
    assert where == "  in   pi.toml, line 2, column 11"
    assert fix == '  try  lines such as `memory_mb = 4096` or `backend = "onnxruntime"`'


def test_a_file_that_breaks_off_says_so(place: Place, said: Said) -> None:
    place.path.write_text("isa = [1, ")
    assert said(read, place).splitlines()[1] == "  in   pi.toml, end of document"


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000])
def test_text_that_overwhelms_the_parser_is_a_users_mistake(
    place: Place, said: Said, text: str
) -> None:
    place.path.write_text(text)
    assert said(read, place).startswith("the profile is not valid TOML: ")


def test_random_bytes_are_not_text(place: Place, said: Said) -> None:
    place.path.write_bytes(b"\xff\xfe\x00\x80")
    assert said(read, place) == "the profile is not text\n  in   pi.toml\n  try  save it as UTF-8"


def test_a_folder_is_not_a_profile(place: Place, said: Said) -> None:
    place.path.mkdir()
    assert said(read, place) == (
        "the profile is a folder\n  in   pi.toml\n  try  the path of the file inside it"
    )


def test_a_missing_file_is_named(place: Place, said: Said) -> None:
    assert said(read, place) == (
        "there is no such profile\n  in   pi.toml\n  try  the names in `mcompile targets`"
    )


def test_a_file_that_cannot_be_read_says_why(place: Place, said: Said) -> None:
    place.path.symlink_to(place.path)  # a circle: unreadable even for root
    what, where, fix = said(read, place).splitlines()
    assert what.startswith("the profile cannot be read: ")
    assert (where, fix) == ("  in   pi.toml", "  try  check the path and its permissions")


def test_a_path_that_no_file_system_takes_is_a_users_mistake(said: Said) -> None:
    assert said(read, Place(Path("a\0b.toml"), "a?b.toml")).startswith("the profile cannot be read")
