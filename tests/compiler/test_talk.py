"""Results on stdout, everything else on stderr, and an error in three lines or one document."""

from __future__ import annotations

import json

import pytest

from mcompile.errors import SourceError, UsageError
from mcompile.talk import Talk

ERROR = UsageError("x is no y", where="there", fix="z")


def caused() -> SourceError:
    error = SourceError("x is no y", where="there", fix="z")
    error.__cause__ = KeyError("the cause")
    return error


def test_a_refusal_is_three_lines_on_stderr(capsys) -> None:
    assert Talk().refuse(ERROR) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: x is no y\n  in   there\n  try  z\n"


def test_a_refusal_as_json_is_one_document_on_stdout(capsys) -> None:
    assert Talk(json=True).refuse(ERROR) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "error": {
            "kind": "UsageError",
            "what": "x is no y",
            "where": "there",
            "fix": "z",
            "exit": 2,
        }
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_verbose_adds_the_cause_on_stderr(capsys, as_json: bool) -> None:
    assert Talk(json=as_json, verbose=True).refuse(caused()) == 3
    out, err = capsys.readouterr()
    assert "KeyError: 'the cause'" in err
    if as_json:
        assert json.loads(out)["error"]["exit"] == 3


def test_without_verbose_the_cause_is_kept_back(capsys) -> None:
    Talk().refuse(caused())
    assert "KeyError" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "talk"),
    [
        ([], Talk()),
        (["x", "--json"], Talk(json=True)),
        (["-v"], Talk(verbose=True)),
        (["--verbose", "-q"], Talk(verbose=True, quiet=True)),
        (["--quiet"], Talk(quiet=True)),
    ],
)
def test_what_is_wanted_is_known_before_the_words_are_parsed(words, talk) -> None:
    assert Talk.of(words) == talk


def test_lines_of_a_result_give_way_to_the_document(capsys) -> None:
    Talk(json=True).say("a", "b")
    assert capsys.readouterr().out == ""
    Talk().say("a", "b")
    assert capsys.readouterr().out == "a\nb\n"


def test_a_document_is_sorted_json_that_holds_no_bare_infinity(capsys) -> None:
    Talk().document({"b": float("inf"), "a": frozenset({2, 1})})
    out = capsys.readouterr().out
    assert json.loads(out, parse_constant=pytest.fail) == {"a": [1, 2], "b": None}
    assert out.index('"a"') < out.index('"b"')


def test_notes_go_to_stderr_unless_quiet(capsys) -> None:
    Talk().note("beside")
    Talk(quiet=True).note("unheard")
    assert capsys.readouterr() == ("", "beside\n")


def test_what_a_library_prints_meanwhile_is_no_result(capsys) -> None:
    with Talk().progress() as watch:
        watch("captured")
        print("chatter")
    assert capsys.readouterr() == ("", "chatter\n")


def test_verbose_names_the_stages_where_there_is_no_terminal(capsys) -> None:
    with Talk(verbose=True).progress() as watch:
        watch("captured")
    assert capsys.readouterr() == ("", "captured\n")
