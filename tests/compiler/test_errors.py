"""Every error is lines for a user, has the contract's exit code, and survives a process."""

from __future__ import annotations

import pickle

import pytest

from mcompile import errors
from mcompile.errors import CompileError

CODES = {
    "UsageError": 2,
    "TargetError": 2,
    "SourceError": 3,
    "SamplesError": 4,
    "BackendMissing": 5,
    "LoweringError": 6,
    "ContractError": 7,
    "Broken": 70,
}


def test_the_exit_codes_are_those_of_the_contract() -> None:
    assert {k.__name__: k.code for k in CompileError.__subclasses__()} == CODES


def test_an_error_is_fact_place_and_next_step() -> None:
    error = errors.UsageError("x is no y", where="there", fix="z")
    assert str(error).splitlines() == ["x is no y", "  in   there", "  try  z"]


def test_what_is_not_known_has_no_line() -> None:
    assert str(errors.Broken("x", fix="y")).splitlines() == ["x", "  try  y"]
    assert str(errors.Broken("x")) == "x"


@pytest.mark.parametrize("name", CODES)
def test_an_error_comes_back_from_a_child_process_as_it_was(name: str) -> None:
    error = getattr(errors, name)("what", where="where", fix="fix")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert (back.what, back.where, back.fix) == ("what", "where", "fix")
