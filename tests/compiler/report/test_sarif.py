"""A report for a code-scanning view."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urlsplit

from mcompile.record import Report
from mcompile.report import sarif


def run_of(report: Report) -> dict[str, Any]:
    log = json.loads(sarif.render(report))
    assert log["version"] == "2.1.0"
    assert len(log["runs"]) == 1
    return dict(log["runs"][0])


def test_levels_follow_the_verdicts_and_what_passed_is_no_finding(sample: Report) -> None:
    found = {r["ruleId"]: r["level"] for r in run_of(sample)["results"]}
    assert found == {
        "latency_p99_ms": "error",
        "throughput_qps": "warning",
        "memory_peak_mb": "note",
        "energy_mj": "note",
        "power_w": "note",
        "build-warning": "warning",
    }


def test_every_result_points_at_its_rule_its_file_and_itself(sample: Report) -> None:
    run = run_of(sample)
    rules = run["tool"]["driver"]["rules"]
    assert all(r["help"]["text"] and r["shortDescription"]["text"] for r in rules)
    assert len({r["id"] for r in rules}) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert place["uri"] == "model.onnx"
        assert place["uriBaseId"] in run["originalUriBaseIds"]
        assert result["message"]["text"]
    prints = [r["partialFingerprints"]["check/v1"] for r in run["results"]]
    assert len(set(prints)) == len(prints)


def test_a_check_keeps_its_identity_while_its_value_moves(sample: Report) -> None:
    first = run_of(sample)["results"][0]
    assert first["partialFingerprints"]["check/v1"].endswith("int8/latency_p99_ms")
    assert "13.9 ms" in first["message"]["text"]


def test_hostile_names_are_data_and_the_uri_is_a_uri(hostile: Report) -> None:
    run = run_of(hostile)
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert urlsplit(uri).scheme == ""
    assert uri.isascii()
    assert " " not in uri
    assert hostile.artifact is not None
    assert unquote(uri) == hostile.artifact.files[0].path
    assert "\x1b" not in sarif.render(hostile).decode()


def test_a_build_without_artifact_points_at_its_report(bare: Report) -> None:
    place = run_of(bare)["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "report.json"
