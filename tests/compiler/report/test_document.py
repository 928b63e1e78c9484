"""A report as JSON and back, and its schema."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import jsonschema
import pytest

from mcompile.errors import ContractError
from mcompile.record import Report
from mcompile.report import document
from mcompile.types import Check, Measured, Verdict


def test_a_report_survives_the_round_trip(sample: Report, hostile: Report, bare: Report) -> None:
    for report in (sample, hostile, bare):
        assert document.load(document.dump(report)) == report


def test_the_same_report_is_the_same_bytes_whatever_the_order_of_its_mappings(
    sample: Report,
) -> None:
    turned = replace(sample, environment=dict(reversed(sample.environment.items())))
    assert document.dump(turned) == document.dump(sample)


def test_the_shipped_schema_is_what_the_nouns_say() -> None:
    assert document.SCHEMA.read_bytes() == document.schema()


def test_a_real_report_keeps_to_the_schema(sample: Report, hostile: Report, bare: Report) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(document.SCHEMA.read_bytes()))
    for report in (sample, hostile, bare):
        validator.validate(json.loads(document.dump(report)))


def test_the_schema_refuses_another_version_and_another_type(sample: Report) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(document.SCHEMA.read_bytes()))
    plain = json.loads(document.dump(sample))
    assert not validator.is_valid(plain | {"schema": 2})
    assert not validator.is_valid(plain | {"verdict": "fine"})
    del plain["schema"]
    assert not validator.is_valid(plain)


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinite_number_is_kept_and_is_valid_json(bare: Report, value: float) -> None:
    check = Check("sqnr_db_min", 20.0, Measured("inf", value, "dB"), Verdict.PASSED)
    report = replace(bare, checks=(check,))
    data = document.dump(report)
    schema = json.loads(document.SCHEMA.read_bytes())
    jsonschema.Draft202012Validator(schema).validate(json.loads(data, parse_constant=pytest.fail))
    assert document.load(data) == report


def test_a_number_that_is_none_comes_back_as_none(bare: Report) -> None:
    check = Check("error_rate", None, Measured("e", math.nan, "%"), Verdict.FAILED)
    loaded = document.load(document.dump(replace(bare, checks=(check,)))).checks[0].measured
    assert loaded is not None
    assert math.isnan(loaded.value)


def test_a_name_that_is_no_unicode_is_replaced(bare: Report) -> None:
    assert document.load(document.dump(replace(bare, model="a\ud800b"))).model == "a?b"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"schema": 1}',
        b'{"schema": 1, "model": 3}',
        b'{"schema": 1, "model": "\xff"}',
    ],
)
def test_a_damaged_report_is_a_broken_contract(data: bytes) -> None:
    with pytest.raises(ContractError, match="report"):
        document.load(data)


def test_a_report_of_another_schema_names_both_versions(sample: Report) -> None:
    later = document.dump(replace(sample, schema=2))
    with pytest.raises(ContractError, match="schema 2, this mcompile reads schema 1"):
        document.load(later)
