"""A report for a test dashboard."""

from __future__ import annotations

from xml.etree import ElementTree

from mcompile.record import Report
from mcompile.report import junit


def test_each_check_is_a_case_and_the_counts_agree(sample: Report) -> None:
    suite = ElementTree.fromstring(junit.render(sample))[0]
    cases = suite.findall("testcase")
    assert [c.get("name") for c in cases] == [c.name for c in sample.checks]
    counted = (suite.get("tests"), suite.get("failures"), suite.get("skipped"))
    assert counted == ("11", "1", "3")
    assert len(suite.findall("testcase/failure")) == 1
    assert len(suite.findall("testcase/skipped")) == 3


def test_a_failure_says_value_limit_and_what_to_try(sample: Report) -> None:
    failure = ElementTree.fromstring(junit.render(sample)).find(".//failure")
    assert failure is not None
    assert failure.get("message") == "latency p99 13.9 ms (measured, 400 runs), limit 12.0 ms"
    assert "--threads" in (failure.text or "")


def test_a_missed_soft_limit_informs_and_does_not_fail(sample: Report) -> None:
    case = ElementTree.fromstring(junit.render(sample)).find(".//*[@name='throughput_qps']")
    assert case is not None
    assert [child.tag for child in case] == ["system-out"]
    assert "a soft limit was missed" in (case[0].text or "")


def test_an_unproven_budget_is_skipped_with_its_reason(sample: Report) -> None:
    skipped = ElementTree.fromstring(junit.render(sample)).find(".//*[@name='energy_mj']/skipped")
    assert skipped is not None
    assert "predicted for an x86-64 server core" in (skipped.get("message") or "")


def test_hostile_names_are_data_and_nothing_else(hostile: Report) -> None:
    root = ElementTree.fromstring(junit.render(hostile))
    assert root.find(".//script") is None
    name = root.findall(".//testcase")[0].get("name") or ""
    assert "<script>alert(1)</script>" in name
    assert "]]>" in name
    assert "é漢" in name


def test_the_least_report_is_a_suite_with_one_skip(bare: Report) -> None:
    assert ElementTree.fromstring(junit.render(bare)).get("skipped") == "1"
    assert junit.render(bare) == junit.render(bare)
