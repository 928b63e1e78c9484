"""Stages are told as they begin and recorded as they end."""

from __future__ import annotations

import pytest

from mcompile.journal import Journal


def test_a_stage_is_told_when_it_begins_and_recorded_when_it_ends() -> None:
    heard: list[str] = []
    journal = Journal(heard.append)
    with journal.stage("captured") as entry:
        assert heard == ["captured"]
        assert journal.stages == []
        entry.summary = "3 nodes"
    with journal.stage("lowered"):
        pass
    assert [(s.name, s.summary) for s in journal.stages] == [
        ("captured", "3 nodes"),
        ("lowered", ""),
    ]
    assert heard == ["captured", "lowered"]


def test_a_stage_knows_its_time_and_the_memory_of_the_process() -> None:
    journal = Journal()
    with journal.stage("one"):
        sum(range(200_000))
    [stage] = journal.stages
    assert stage.seconds > 0
    assert stage.cpu_seconds > 0
    assert stage.peak_mb > 1


def test_a_stage_that_failed_is_not_recorded() -> None:
    journal = Journal()
    with pytest.raises(ValueError, match="no"), journal.stage("one"):
        raise ValueError("no")
    assert journal.stages == []
