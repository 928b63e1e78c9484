"""The profiles that are shipped, and what the package promises to whoever adds one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from mcompile.profile import Target
from mcompile.targets import effective, load, names, scenarios
from mcompile.types import Precision

SHIPPED = [
    "a100",
    "android-flagship",
    "android-mid",
    "arm-server",
    "coral",
    "cortex-m4",
    "cortex-m55",
    "cortex-m7",
    "cpu-server",
    "cpu-server-vnni",
    "h100",
    "intel-igpu",
    "intel-npu",
    "jetson-agx-orin",
    "jetson-nano",
    "jetson-orin-nano",
    "jetson-xavier-nx",
    "phone",
    "raspberry-pi-4",
    "raspberry-pi-5",
    "rtx-4090",
    "t4",
]


def stated(target: Target) -> set[str]:
    """The facts that need a source, by dotted name."""
    rooms = {"device": target.device, "runtime": target.runtime}
    facts = {
        f"{room}.{field.name}"
        for room, noun in rooms.items()
        for field in fields(noun)
        if getattr(noun, field.name) not in (None, "", ())
    }
    return facts | {f"legality.{p.value}" for p in target.legality}


def test_the_shipped_profiles_are_listed() -> None:
    assert [n for n in names() if n in SHIPPED] == SHIPPED


@pytest.mark.parametrize("name", names())
def test_every_figure_has_a_source_or_says_that_it_has_none(name: str) -> None:
    target = load(name)
    assert stated(target) - set(target.sources) == set()
    empty = [fact for fact, text in target.sources.items() if not text.strip(" .")]
    assert empty == []
    bare = [
        f for f, text in target.sources.items() if text.startswith("unverified") and " " not in text
    ]
    assert bare == []


@pytest.mark.parametrize("name", names())
def test_every_refusal_and_fallback_has_a_reason(name: str) -> None:
    target = load(name)
    silent = [
        p for p, entry in target.legality.items() if entry.status != "native" and not entry.because
    ]
    assert silent == []
    assert target.title != name
    assert effective(target, target.precision, strict=True)[0] is target.precision


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("scenario", sorted(scenarios()))
def test_every_scenario_fits_every_target(name: str, scenario: str) -> None:
    both, use = load(name, scenario).budgets, scenarios()[scenario].budgets
    own = {f.name: getattr(use, f.name) for f in fields(use) if f.name != "soft"}
    limits = {key: limit for key, limit in own.items() if limit is not None}
    assert {key: getattr(both, key) for key in limits} == limits
    assert both.soft.isdisjoint(limits)


def test_the_nano_is_never_given_int8() -> None:
    nano = load("jetson-nano")
    built, why = effective(nano, Precision.INT8)
    assert built is Precision.FP16
    assert why.startswith("int8 falls back to fp16 on jetson-nano: TensorRT has no INT8 kernels")


def test_the_floor_of_servers_saturates_and_its_neighbour_does_not() -> None:
    floor, vnni = load("cpu-server").device, load("cpu-server-vnni").device
    assert "avx512_vnni" in floor.isa_without
    assert "avx512_vnni" in vnni.isa
    assert "avx512_vnni" not in vnni.isa_without


def test_peaks_follow_from_cores_clock_and_lanes() -> None:
    floor = load("cpu-server").device
    assert floor.cores is not None
    assert floor.clock_ghz is not None
    assert floor.fp32_gflops == pytest.approx(2 * 8 * 2 * floor.clock_ghz * floor.cores)


def test_a_microcontroller_holds_its_budgets_to_its_memory() -> None:
    for name in ("cortex-m4", "cortex-m7", "cortex-m55"):
        target = load(name)
        assert target.budgets.flash_kb == target.device.flash_kb
        assert target.budgets.ram_kb == target.device.ram_kb
        assert (target.budgets.arena_kb or 0) <= (target.device.ram_kb or 0)


def test_a_new_target_costs_one_file(write: Callable[..., str]) -> None:
    target = load(write(name="acme-board.toml"))
    assert (target.name, target.backend) == ("acme-board", "onnxruntime")


def test_names_are_listed_without_a_runtime_or_a_parser() -> None:
    heavy = ["numpy", "torch", "onnx", "onnx_ir", "onnxruntime", "msgspec", "importlib.metadata"]
    code = (
        "import sys, mcompile.targets as t; t.names(); print([m for m in %r if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code % heavy], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_sources_name_documents_and_not_addresses() -> None:
    import mcompile.targets

    room = Path(mcompile.targets.__file__).parent
    assert [p.name for p in room.rglob("*.toml") if "://" in p.read_text()] == []
