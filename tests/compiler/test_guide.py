"""What a model's user must know travels with the program."""

from __future__ import annotations

from mcompile import graph
from mcompile.guide import KEY, Guide, of, put

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
