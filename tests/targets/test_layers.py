from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mcompile.targets import load
from mcompile.targets.layers import parse
from mcompile.types import Precision

Said = Callable[..., str]
Write = Callable[..., str]


def test_a_profile_extends_another_by_name(tmp_path: Path) -> None:
    child = tmp_path / "mine.toml"
    child.write_text('extends = "jetson-nano"\n[device]\nmemory_mb = 2048\n')
    mine, nano = load(str(child)), load("jetson-nano")
    assert (mine.name, mine.title, mine.device.memory_mb) == ("mine", "mine", 2048)
    assert (mine.device.bandwidth_gbps, mine.backend) == (nano.device.bandwidth_gbps, nano.backend)
    assert mine.budgets == nano.budgets


def test_a_new_figure_is_not_vouched_for_by_the_old_ones_source(tmp_path: Path) -> None:
    child = tmp_path / "mine.toml"
    child.write_text('extends = "jetson-nano"\n[device]\nmemory_mb = 2048\n')
    mine = load(str(child))
    assert "device.memory_mb" not in mine.sources
    assert "device.bandwidth_gbps" in mine.sources


def test_a_legality_is_replaced_whole(tmp_path: Path) -> None:
    child = tmp_path / "mine.toml"
    child.write_text('extends = "jetson-nano"\n[legality]\nint8 = "native"\n')
    entry = load(str(child)).legality[Precision.INT8]
    assert (entry.status, entry.falls_back_to, entry.because, entry.source) == (
        "native",
        None,
        "",
        "",
    )


def test_a_path_is_extended_from_the_file_that_names_it(write: Write, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write(name="deep/base.toml")
    Path("deep/mine.toml").write_text('extends = "base.toml"\ntitle = "Mine"\n')
    assert load("deep/mine.toml").title == "Mine"
    assert load(str(tmp_path / "deep" / "mine.toml")).device.memory_mb == 4096


def test_a_mistake_in_the_base_is_placed_in_the_base(write: Write, said: Said) -> None:
    write("memory_mb", "memory_gb", name="base.toml")
    Path("mine.toml").write_text('extends = "base.toml"\n')
    assert said(load, "mine.toml").splitlines()[1] == "  in   base.toml, [device]"


def test_an_unknown_base_is_named(write: Write, said: Said) -> None:
    name = write("backend =", 'extends = "jetson-nao"\nbackend =')
    assert said(load, name) == (
        "jetson-nao is not a target\n  in   pi.toml, extends\n"
        "  try  jetson-nano; or the path of a profile, which ends in .toml"
    )


def test_profiles_must_not_extend_in_a_circle(write: Write, said: Said) -> None:
    Path("a.toml").write_text('extends = "b.toml"\n')
    write("backend =", 'extends = "a.toml"\nbackend =', name="b.toml")
    assert said(load, "a.toml") == (
        "a -> b -> a extends itself\n  in   b.toml, extends\n  try  let one of them stand alone"
    )


def test_a_profile_must_not_extend_itself(write: Write, said: Said) -> None:
    name = write("backend =", 'extends = "./pi.toml"\nbackend =')
    assert said(load, name).startswith("pi -> pi extends itself\n  in   pi.toml, extends\n")


def test_an_unknown_key_names_the_nearest(said: Said) -> None:
    assert said(parse, {"bugdets": {}}, "pi.toml") == (
        "bugdets is not a key of a profile\n  in   pi.toml\n  try  budgets"
    )


def test_an_unknown_fact_of_the_runtime_names_the_nearest(said: Said) -> None:
    assert said(parse, {"runtime": {"opset": 13}}, "pi.toml") == (
        "opset is not a fact of a runtime\n  in   pi.toml, [runtime]\n  try  max_opset"
    )


def test_an_unknown_precision_is_refused_as_default_and_in_the_table(said: Said) -> None:
    assert said(parse, {"precision": "int9"}, "pi.toml") == (
        '"int9" is not a precision\n  in   pi.toml, precision\n  try  int8'
    )
    assert said(parse, {"legality": {"fp8": "native"}}, "pi.toml") == (
        "fp8 is not a precision\n  in   pi.toml, [legality]\n"
        "  try  fp32, fp16, bf16, int8, int8-dynamic, int8-weights, int4-weights or int16x8"
    )


def test_instruction_sets_are_spelled_as_linux_does(said: Said) -> None:
    assert said(parse, {"device": {"isa": ["AVX2"]}}, "pi.toml") == (
        "AVX2 is not how /proc/cpuinfo spells it\n  in   pi.toml, [device]\n  try  avx2"
    )


def test_sources_may_be_written_with_or_without_quotes() -> None:
    dotted = parse({"sources": {"device.cores": "a", "legality.int8": "b"}}, "pi.toml")
    nested = parse({"sources": {"device": {"cores": "a"}, "legality": {"int8": "b"}}}, "pi.toml")
    assert dotted.sources == nested.sources == {"device.cores": "a", "legality.int8": "b"}


def test_a_source_is_of_a_fact_that_exists_and_is_text(said: Said) -> None:
    assert said(parse, {"sources": {"device": {"core": "a"}}}, "pi.toml") == (
        "device.core is not a fact that a profile can state\n  in   pi.toml, [sources]\n"
        "  try  device.cores"
    )
    assert said(parse, {"sources": {"device.cores": 4}}, "pi.toml") == (
        "device.cores is 4, not text\n  in   pi.toml, [sources]\n"
        "  try  device.cores = text in quotes"
    )


def test_a_volume_of_requests_is_above_zero(said: Said) -> None:
    assert said(parse, {"requests_per_day": 0}, "pi.toml").startswith(
        "requests_per_day is 0, not a number above zero\n  in   pi.toml\n"
    )
