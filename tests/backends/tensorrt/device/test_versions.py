"""Versions: ranges as PEP 440 spells them, and the digits of calibration caches."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from mcompile.backends.tensorrt.device.versions import digits, inside, parsed


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("8.5.2.2", (8, 5, 2, 2)), ("10.13.3.9.post1", (10, 13, 3, 9)), ("8", (8,)), ("new", ())],
)
def test_the_leading_numbers(text, numbers):
    assert parsed(text) == numbers


@pytest.mark.parametrize(
    "clauses", [">=8.5,<11", "<10", "==8.6", ">8.5.2", "<=10.0", ">= 8.2, <8.6"]
)
@pytest.mark.parametrize(
    "version", ["8.0.1", "8.5", "8.5.2", "8.6.1.6", "8.6", "10.0", "10.0.1", "11"]
)
def test_ranges_are_those_of_packaging(version, clauses):
    wanted = SpecifierSet(clauses.replace("==8.6", "==8.6.*")).contains(version)
    assert inside(version, clauses) == wanted


def test_a_clause_that_is_none_holds_for_nothing():
    assert not inside("8.5", "~8.5")
    assert inside("8.5", "")


@pytest.mark.parametrize(
    ("version", "told"),
    [("8.5.2.2", "8502"), ("8.0.1.6", "8001"), ("9.1.0", "9100"), ("10.3.0.26", "100300"),
     ("10.16.1", "101601")],
)  # fmt: skip
def test_digits(version, told):
    assert digits(version) == told
