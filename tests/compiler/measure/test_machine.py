from __future__ import annotations

import platform

import pytest

from mcompile.measure.machine import Machine, here
from mcompile.profile import Device
from mcompile.types import Measured, Provenance

XEON = Machine("x86_64", frozenset({"avx2", "fma", "avx512_vnni"}), "Xeon", 2)
PI5 = Machine("aarch64", frozenset({"neon", "dotprod", "fp16"}), "Cortex-A76", 4)
OLD = Machine("x86_64", frozenset({"avx2", "fma"}), "Haswell", 4)


@pytest.mark.parametrize(
    ("machine", "device", "reason"),
    [
        (XEON, Device("x86_64"), ""),
        (XEON, Device("amd64", ("avx2", "fma")), ""),
        (XEON, Device("x86_64", ("avx512-vnni",)), ""),
        (XEON, Device("x86_64", ("vnni",)), ""),
        (XEON, Device("aarch64"), "it is x86_64, not aarch64"),
        (XEON, Device("x86_64", ("avx2", "amx_int8")), "it has no amx_int8"),
        (XEON, Device("x86_64", ("avx2",), ("avx512_vnni", "avx_vnni")), "it has avx512_vnni"),
        (XEON, Device("x86_64", isa_without=("vnni",)), "it has vnni"),
        (OLD, Device("x86_64", ("avx2",), ("vnni",)), ""),
        (PI5, Device("arm64", ("asimddp", "asimdhp", "neon"), ("i8mm",)), ""),
        (PI5, Device("aarch64", ("asimd",), ("asimddp",)), "it has asimddp"),
        (XEON, Device("x86_64", compute_capability="8.6"), "no GPU of compute capability 8.6"),
    ],
)
def test_a_machine_is_the_device_where_arch_and_instructions_are(machine, device, reason):
    same, told = machine.matches(device)
    assert same is (reason == "")
    assert reason in told


def test_what_is_lacking_is_told_in_the_callers_spelling():
    assert PI5.lacks(["asimd", "asimddp", "i8mm", "SVE"]) == ("i8mm", "SVE")


def test_an_unknown_instruction_set_matches_no_demand():
    blank = Machine("x86_64", frozenset(), "?", 1)
    assert blank.matches(Device("x86_64"))[0]
    assert blank.matches(Device("x86_64", ("avx2",))) == (
        False,
        "its instruction set is not known",
    )
    assert not blank.matches(Device("x86_64", isa_without=("avx2",)))[0]


def test_flags_are_read_from_either_kernels_words(tmp_path):
    x86, arm = tmp_path / "x86", tmp_path / "arm"
    x86.write_text("model name\t: Some CPU @ 2.80GHz\nflags\t\t: fpu avx2 avx512_vnni\n\n")
    arm.write_text("processor: 0\nFeatures\t: fp asimd asimdhp asimddp i8mm\n")
    assert here(x86).isa == {"fpu", "avx2", "avx512_vnni"}
    assert here(x86).cpu == "Some CPU @ 2.80GHz"
    assert here(arm).isa == {"fp", "neon", "fp16", "dotprod", "i8mm"}


def test_without_the_kernels_file_the_instruction_set_is_unknown(tmp_path):
    assert here(tmp_path / "none").isa == frozenset()


def test_this_machine_has_a_name_and_cores():
    machine = here()
    assert machine.cpu
    assert machine.cores >= 1
    assert machine.matches(Device(platform.machine()))[0]


ROW = Measured("latency_p50_ms", 4.0, "ms", note="200 runs")


def test_on_the_device_a_row_counts_and_names_it():
    (row,) = XEON.stamp([ROW], Device("x86_64"))
    assert (row.device, row.counts, row.note) == ("Xeon", True, "200 runs")


def test_elsewhere_a_row_does_not_count_and_names_the_machine():
    (row,) = XEON.stamp([ROW], Device("aarch64"))
    assert row.counts is False
    assert row.provenance is Provenance.MEASURED
    assert (row.device, row.note) == ("Xeon", "200 runs")


def test_the_devices_arithmetic_computed_elsewhere_is_simulated():
    (row,) = XEON.stamp([ROW], Device("aarch64"), arithmetic=True)
    assert (row.provenance, row.counts) == (Provenance.SIMULATED, True)
    (row,) = XEON.stamp([ROW], Device("x86_64"), arithmetic=True)
    assert row.provenance is Provenance.MEASURED


def test_a_machine_with_the_accelerator_is_the_device():
    device = Device("npu-3720")
    machine = Machine("x86_64", frozenset({"avx2"}), "a laptop", 4)
    assert not machine.matches(device)[0]
    assert machine.bearing(device).matches(device)[0]
    assert "a laptop" in machine.bearing(device).cpu


def test_the_capability_of_a_gpu_is_one_of_its_instruction_sets(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("mcompile.measure.machine._compute_capability", lambda: "8.9")
    machine = here(tmp_path / "none")
    assert machine.isa == {"sm_89"}
    assert machine.matches(Device(machine.arch, isa=("sm_89",), compute_capability="8.9"))[0]
    assert not machine.matches(Device(machine.arch, isa=("sm_87",)))[0]
