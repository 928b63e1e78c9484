"""What a model's user must know travels with the program."""

from __future__ import annotations

import pytest

from mcompile import graph
from mcompile.errors import UsageError
from mcompile.guide import KEY, Guide, labels, of, put

from .conftest import program

SAID = Guide({"scale": 255.0, "mean": [0.5]}, ("cat", "dog"))


def test_a_program_says_what_it_was_told() -> None:
    given = program()
    assert of(given) == Guide()
    put(given, SAID)
    assert of(given) == SAID


def test_it_stays_with_the_file_and_a_copy(tmp_path) -> None:
    given = program()
    put(given, SAID)
    graph.save(given, tmp_path / "model.onnx")
    assert of(graph.load(tmp_path / "model.onnx", "net")) == SAID
    assert of(graph.clone(given)) == SAID


def test_nothing_is_written_where_nothing_is_said() -> None:
    given = program()
    put(given, Guide())
    assert KEY not in given.graph.metadata_props


def test_what_another_program_wrote_says_nothing() -> None:
    given = program()
    for text in ("", "[1]", '{"labels": 3}'):
        given.graph.metadata_props[KEY] = text
        assert of(given) == Guide()


def test_names_of_classes_are_listed_or_one_a_line(tmp_path):
    (tmp_path / "names.txt").write_text("cat\nh\u00fcndin\n", encoding="utf-8")
    assert labels(str(tmp_path / "names.txt")) == ("cat", "h\u00fcndin")
    assert labels(["cat", "dog"]) == ("cat", "dog")
    assert labels(()) == ()


@pytest.mark.parametrize("name", ["b\nc", "b\n", "b\u2028c"])
def test_a_name_of_several_lines_is_refused(name):
    with pytest.raises(UsageError, match="class 1 is of several lines") as caught:
        labels(["a", name, "d"])
    assert "\n" not in caught.value.where
    assert caught.value.fix


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        labels(str(tmp_path / "nowhere.txt"))
