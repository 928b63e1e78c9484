from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest

from mcompile.profile import Budgets, Device
from mcompile.targets.rooms import known, number, section, typed, values

Said = Callable[..., str]
WHERE = "pi.toml, [device]"


def facts(**found: object) -> dict[str, object]:
    return values(found, known(Device), kind="a fact of a device", where=WHERE, least=None)


def test_values_come_back_as_the_types_of_the_noun() -> None:
    assert facts(memory_mb=4096, isa=["avx2"], cores=4) == {
        "memory_mb": 4096.0,
        "isa": ("avx2",),
        "cores": 4,
    }


def test_every_field_of_the_noun_may_be_stated() -> None:
    assert set(known(Budgets)) == set(Budgets.__dataclass_fields__)


def test_an_unknown_fact_names_the_nearest(said: Said) -> None:
    assert said(lambda: facts(memory_gb=4)) == (
        "memory_gb is not a fact of a device\n  in   pi.toml, [device]\n  try  memory_mb"
    )


@pytest.mark.parametrize(
    ("key", "value", "what", "fix"),
    [
        ("memory_mb", "4 GB", '"4 GB", not a number', "a bare number: its unit is in the name"),
        ("memory_mb", True, "true, not a number", "a bare number: its unit is in the name"),
        ("memory_mb", [1], "[1], not a number", "a bare number: its unit is in the name"),
        (
            "memory_mb",
            datetime.date(2020, 1, 2),
            "2020-01-02, not a number",
            "a bare number: its unit is in the name",
        ),
        ("cores", 1.5, "1.5, not a whole number", "a bare whole number, such as 4"),
        ("compute_capability", 5.3, "5.3, not text", "text in quotes"),
        ("isa", "avx2", '"avx2", not a list of texts', 'a list, such as ["avx2", "fma"]'),
        ("isa", [1], "[1], not a list of texts", 'a list, such as ["avx2", "fma"]'),
    ],
)
def test_a_wrong_type_is_shown_with_what_is_wanted(
    said: Said, key: str, value: object, what: str, fix: str
) -> None:
    hint = known(Device)[key]
    assert said(typed, key, value, hint, WHERE) == (
        f"{key} is {what}\n  in   {WHERE}\n  try  {key} = {fix}"
    )


def test_a_number_too_large_for_a_float_is_not_a_number(said: Said) -> None:
    assert "not a number" in said(typed, "memory_mb", 10**400, float, WHERE)


@pytest.mark.parametrize("value", [-4.0, 0.0, float("nan"), float("inf")])
def test_a_fact_is_above_zero_and_finite(said: Said, value: float) -> None:
    assert said(number, "memory_mb", value, None, WHERE) == (
        f"memory_mb is {value:g}, not a number above zero\n  in   {WHERE}\n"
        "  try  memory_mb = a number above zero, or leave it out"
    )


def test_a_limit_may_be_zero_and_not_less(said: Said) -> None:
    assert number("size_mb", 0.0, 0, WHERE) == 0.0
    assert said(number, "size_mb", -1.0, 0, WHERE).startswith("size_mb is -1, not a number of 0")


def test_a_section_is_a_table(said: Said) -> None:
    assert section({}, "device", "pi.toml") == {}
    assert said(section, {"device": 3}, "device", "pi.toml") == (
        "device is 3, not a section\n  in   pi.toml\n  try  a line `[device]` above its keys"
    )
