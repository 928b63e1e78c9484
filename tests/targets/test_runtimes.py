"""A profile may name several runtimes; one of them is the target's, the others are at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mcompile.errors import TargetError
from mcompile.profile import Runtime
from mcompile.targets import effective, load, on
from mcompile.types import Precision

Said = Callable[..., str]
Write = Callable[..., str]

SECOND = """
[runtimes.openvino]
versions = ">=2025.4"
threads = 3

[runtimes.openvino.legality]
fp32 = "native"
fp16 = "native"
bf16 = "native"
int8 = { falls_back_to = "fp16", because = "it is old", source = "the maker" }
int8-dynamic = "illegal"
int8-weights = "native"
int4-weights = "native"
int16x8 = "illegal"

[sources]
runtime.versions = "one"
runtimes.openvino.versions = "two"
runtimes.openvino.legality.fp32 = "three"
"""


def both(write: Write, old: str = "", new: str = "") -> str:
    name = write(new=SECOND)
    if old:
        text = Path(name).read_text()
        assert old in text
        Path(name).write_text(text.replace(old, new))
    return name


def test_a_second_runtime_has_its_own_pins_and_legality(write: Write) -> None:
    target = load(both(write))
    assert target.backend == "onnxruntime"
    other = target.others["openvino"]
    assert other.runtime == Runtime(">=2025.4", threads=3)
    assert other.legality[Precision.INT8].source == "the maker"
    assert other.legality[Precision.FP32].source == "three"
    assert target.legality[Precision.INT8].status == "native"
    assert target.sources["runtimes.openvino.legality.int8"] == "the maker"


def test_a_target_on_another_runtime_is_judged_by_that_ones_rules(write: Write) -> None:
    target = load(both(write))
    there = on(target, "openvino")
    assert (there.backend, there.runtime.versions) == ("openvino", ">=2025.4")
    assert effective(there, Precision.INT8)[0] is Precision.FP16
    assert effective(target, Precision.INT8)[0] is Precision.INT8
    assert there.sources["runtime.versions"] == "two"
    assert there.sources["runtimes.onnxruntime.versions"] == "one"
    assert there.sources["legality.fp32"] == "three"
    assert (there.device, there.budgets) == (target.device, target.budgets)


def test_going_there_and_back_changes_nothing(write: Write) -> None:
    target = load(both(write))
    assert on(target, "onnxruntime") is target
    assert on(on(target, "openvino"), "onnxruntime") == target


def test_a_runtime_that_is_not_named_is_refused_with_those_that_are(
    write: Write, said: Said
) -> None:
    two, one = load(both(write)), load(write(name="one.toml"))
    assert said(on, two, "litert").splitlines() == [
        "pi does not name the runtime litert",
        "  in   --backend litert",
        "  try  --backend onnxruntime, openvino or auto",
    ]
    assert said(on, one, "litert").endswith("--backend onnxruntime")


@pytest.mark.parametrize(
    ("old", "new", "what", "where", "fix"),
    [
        ("fp16 = \"native\"\nbf16 = \"native\"\nint8 = {", "bf16 = \"native\"\nint8 = {",
         "the legality of fp16 is not stated", "[runtimes.openvino.legality]", "fp16 ="),
        ("threads = 3", "thread = 3", "thread is not a fact of a runtime",
         "[runtimes.openvino]", "threads"),
        ("[runtimes.openvino.legality]\nfp32 = \"native\"",
         "[runtimes.openvino.legality]\nfp32 = \"illegal\"",
         "fp32 is the default and yet not legal", "[runtimes.openvino.legality]", "fp16"),
        ('int8 = { falls_back_to = "fp16", because = "it is old", source = "the maker" }',
         'int9 = "native"', "int9 is not a precision", "[runtimes.openvino.legality]", "int8"),
        ("runtimes.openvino.versions = ", "runtimes.openvino.version = ",
         "runtimes.openvino.version is not a fact", "[sources]", "runtimes.openvino.versions"),
        ('backend = "onnxruntime"', 'backend = "openvino"',
         "openvino is the profile's first runtime, and is stated again", "[runtimes.openvino]",
         "[runtime] and [legality]"),
    ],
)  # fmt: skip
def test_a_mistake_is_three_lines(
    write: Write, said: Said, old: str, new: str, what: str, where: str, fix: str
) -> None:
    lines = said(load, both(write, old, new)).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(what)
    assert where in lines[1]
    assert fix in lines[2]


def test_a_runtime_that_is_no_section_is_refused(write: Write, said: Said) -> None:
    assert said(load, write(new="[runtimes]\nopenvino = 3\n")).startswith(
        "runtimes.openvino is 3, not a section"
    )


def test_a_child_restates_a_row_and_takes_its_source_away(write: Write, tmp_path: Path) -> None:
    both(write)
    Path("child.toml").write_text(
        'extends = "pi.toml"\n[runtimes.openvino.legality]\nfp32 = "emulated"\n'
    )
    child, parent = load("child.toml"), load("pi.toml")
    there, above = child.others["openvino"], parent.others["openvino"]
    assert there.runtime == above.runtime
    assert there.legality[Precision.FP32].status == "emulated"
    assert "runtimes.openvino.legality.fp32" not in child.sources
    rest = {p: e for p, e in above.legality.items() if p is not Precision.FP32}
    assert {p: e for p, e in there.legality.items() if p is not Precision.FP32} == rest


def test_the_latency_that_comes_first_in_the_budgets_ranks(write: Write) -> None:
    assert load(write()).ranked_by == "latency_p99_ms"
    assert load(write(), budgets=["latency_p99_ms=none"]).ranked_by == "latency_p50_ms"
    assert load(write(), budgets=["latency_p50_ms=3"]).ranked_by == "latency_p99_ms"
    first = "[budgets]\nlatency_p90_ms = 50\n"
    assert load(write("[budgets]\n", first)).ranked_by == "latency_p90_ms"


@pytest.mark.parametrize("name", ["cpu-server", "cpu-server-vnni"])
def test_the_servers_name_two_runtimes_and_say_where_each_row_is_from(name: str) -> None:
    target = load(name)
    assert [*target.others] == ["openvino"]
    there = on(target, "openvino")
    stated = {f"legality.{p.value}" for p in there.legality}
    pins = ("versions", "max_opset", "max_ir_version", "threads")
    assert stated | {f"runtime.{f}" for f in pins} <= {*there.sources}
    silent = [p for p, e in there.legality.items() if e.status != "native" and not e.because]
    assert silent == []
    with pytest.raises(TargetError):
        on(replace(target, others={}), "openvino")
