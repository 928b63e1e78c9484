"""Profiles and backends as they are listed: for people in lines, for programs in JSON."""

from __future__ import annotations

import json

import pytest

from mcompile import listing, registry, targets
from mcompile.backend import Backend
from mcompile.errors import TargetError
from mcompile.talk import Talk


def test_every_profile_is_a_line_with_backend_and_precision(capsys) -> None:
    assert listing.targets(Talk(), "") == 0
    lines = capsys.readouterr().out.splitlines()
    for name in targets.names():
        [line] = [x for x in lines if x.split(" ")[0] == name]
        profile = targets.load(name)
        assert profile.backend in line
        assert profile.precision.value in line
        assert profile.title in line
    assert lines[-1] == f"scenarios: {', '.join(targets.scenarios())}"


def test_quiet_leaves_only_the_table(capsys) -> None:
    listing.targets(Talk(quiet=True), "")
    assert len(capsys.readouterr().out.splitlines()) == len(targets.names())


def test_the_profiles_as_json_are_one_list(capsys) -> None:
    listing.targets(Talk(json=True), "")
    rows = json.loads(capsys.readouterr().out)
    assert [r["name"] for r in rows] == list(targets.names())
    assert set(rows[0]) == {"name", "title", "backend", "precision"}


@pytest.mark.parametrize("name", targets.names())
def test_a_profile_in_full_tells_facts_sources_legality_and_budgets(capsys, name) -> None:
    assert listing.targets(Talk(), name) == 0
    text, profile = capsys.readouterr().out, targets.load(name)
    assert profile.device.arch in text
    for precision in profile.legality:
        assert f"\n  {precision.value} " in text
    for key, source in profile.sources.items():
        if key.startswith(("device.", "runtime.")):
            assert source in text
    listing.targets(Talk(json=True), name)
    document = json.loads(capsys.readouterr().out)
    assert document["name"] == name
    assert set(document["legality"]) == {p.value for p in profile.legality}


def test_a_fallback_says_to_what_and_why(capsys) -> None:
    listing.targets(Talk(), "jetson-nano")
    [line] = [x for x in capsys.readouterr().out.splitlines() if x.startswith("  int8 ")]
    assert "falls back to fp16" in line
    assert targets.load("jetson-nano").legality["int8"].source in line


def test_a_soft_limit_is_marked(capsys) -> None:
    listing.targets(Talk(), "cpu-server")
    out = capsys.readouterr().out.splitlines()
    assert [x.split()[-1] for x in out if x.startswith("  sqnr_db_min")] == ["(soft)"]
    assert [x.split()[-1] for x in out if x.startswith("  latency_p99_ms")] == ["200"]


def test_a_profile_of_ones_own_is_shown_by_its_path(capsys, tmp_path) -> None:
    (tmp_path / "mine.toml").write_text('extends = "cpu-server"\ntitle = "mine"\n')
    assert listing.targets(Talk(), str(tmp_path / "mine.toml")) == 0
    assert "mine" in capsys.readouterr().out


def test_an_unknown_profile_leads_to_the_nearest() -> None:
    with pytest.raises(TargetError) as caught:
        listing.targets(Talk(), "jetson-nan")
    assert "jetson-nano" in caught.value.fix


def test_a_package_that_announces_targets_and_gives_none_is_told_beside(
    capsys, monkeypatch
) -> None:
    monkeypatch.setattr(targets, "faults", lambda: ("package x gives none",))
    listing.targets(Talk(json=True), "")
    out, err = capsys.readouterr()
    assert "package x gives none" in err
    json.loads(out)


def test_backends_tell_what_they_make_or_what_is_missing(capsys) -> None:
    assert listing.backends(Talk()) == 0
    out = capsys.readouterr().out
    for name, found in registry.backends().items():
        assert name in out
        assert (found.title if isinstance(found, Backend) else found.fix) in out


def test_backends_as_json_agree_with_the_registry(capsys) -> None:
    listing.backends(Talk(json=True))
    document = json.loads(capsys.readouterr().out)
    assert document["onnxruntime"]["available"] is True
    assert "int8" in document["onnxruntime"]["precisions"]
    for name, found in registry.backends().items():
        if not isinstance(found, Backend):
            assert document[name] == {"available": False, "because": found.what, "fix": found.fix}


def test_a_further_runtime_is_shown_with_its_pins_legality_and_sources(capsys) -> None:
    assert listing.targets(Talk(), "cpu-server") == 0
    text, other = capsys.readouterr().out, targets.load("cpu-server").others["openvino"]
    _, _, told = text.partition("  or openvino (--backend openvino, or auto for the better)\n")
    assert other.runtime.versions in told
    assert targets.load("cpu-server").sources["runtimes.openvino.versions"] in told
    for precision, entry in other.legality.items():
        [line] = [x for x in told.splitlines() if x.startswith(f"  {precision.value} ")]
        assert entry.because in line
    listing.targets(Talk(json=True), "cpu-server")
    assert set(json.loads(capsys.readouterr().out)["others"]) == {"openvino"}
