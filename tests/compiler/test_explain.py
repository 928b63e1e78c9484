"""Whatever a user reads in a report, an error or a profile can be asked about."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from mcompile import errors, registry, targets
from mcompile.errors import CompileError, UsageError
from mcompile.explain import explain
from mcompile.measure.accuracy import METRICS
from mcompile.profile import Budgets
from mcompile.talk import Talk
from mcompile.types import Precision


def told(capsys, name: str) -> str:
    assert explain(Talk(), name) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cpu-server", ["backend    onnxruntime", "avx2", "latency_p99_ms"]),
        ("SamplesError", ["exit code 4", "Calibration or evaluation data"]),
        ("latency_p50_ms", ["a budget", "at most", "ms"]),
        ("throughput_qps", ["a budget", "at least"]),
        ("accuracy_min", ["accuracy must be at least"]),
        ("accuracy", ["accuracy_min: a budget"]),
        ("determinism", ["a check that is always on"]),
        ("oracle_agreement", ["a check that is always on", "SQNR"]),
        ("golden_error", ["golden.npz"]),
        ("top5", ["a task metric", "%", "higher is better"]),
        ("mae", ["a task metric", "lower is better"]),
        ("fold_batchnorm", ["a rule of phase fold", "gamma", "--skip fold_batchnorm"]),
        ("int16x8", ["a precision", "16 bits", "in something wider: android", "back", "coral"]),
        ("auto", ["--precision auto", "--backend auto"]),
        ("reproducer", ["before.onnx", "mcompile optimize before.onnx -o again.onnx -v"]),
        ("undone", ["before.onnx", "outputs.npz"]),
    ],
)
def test_each_kind_of_name_is_explained(capsys, name: str, words: list[str]) -> None:
    text = told(capsys, name)
    assert name.split("-", maxsplit=1)[0] in text
    for word in words:
        assert word in text


def test_nothing_that_can_be_met_is_left_unexplained(capsys) -> None:
    kinds = [k.__name__ for k in CompileError.__subclasses__() if k.__module__ == errors.__name__]
    budgets = [f.name for f in fields(Budgets) if f.name != "soft"]
    rules = [r.name for r in registry.rules()]
    precisions = [p.value for p in Precision]
    for name in (*targets.names(), *precisions, *kinds, *budgets, *METRICS, *rules):
        assert told(capsys, name).strip()


def test_every_check_of_a_report_is_explained(capsys, built) -> None:
    for check in built.report["checks"]:
        assert told(capsys, check["name"]).strip()


def test_an_explanation_is_one_document_too(capsys) -> None:
    assert explain(Talk(json=True), "top1") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["name"] == "top1"
    assert "task metric" in document["text"]


def test_an_unknown_name_leads_to_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        explain(Talk(), "latency_p95_ms")
    assert "latency_p99_ms" in caught.value.fix


def test_no_name_at_all_is_refused_too() -> None:
    with pytest.raises(UsageError):
        explain(Talk(), "")
