"""Power meters: rails of boards, `tegrastats`, NVML and `nvidia-smi`."""

from __future__ import annotations

import os
import stat
import sys
from types import SimpleNamespace

import pytest

from mcompile.backends.tensorrt.device import power


def files(root, told):
    for name, text in told.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")


def tool(folder, name, line):
    """A program in the search path that prints a line and waits to be ended."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{line}'\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


@pytest.fixture(autouse=True)
def no_tools(tmp_path, monkeypatch):
    """A search path of its own, and no NVML."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", os.pathsep.join((str(tmp_path / "bin"), "/bin", "/usr/bin")))
    monkeypatch.setitem(sys.modules, "pynvml", None)
    return tmp_path / "bin"


def test_an_input_rail_is_all(tmp_path):
    folder = "sys/bus/i2c/devices/1-0040/hwmon/hwmon3"
    told = {"in1_label": "VDD_IN", "in1_input": 5000, "curr1_input": 1200,
            "in2_label": "VDD_CPU_GPU_CV", "in2_input": 5000, "curr2_input": 300,
            "in7_label": "Sum of shunt voltages", "in7_input": 9}  # fmt: skip
    files(tmp_path, {f"{folder}/{name}": text for name, text in told.items()})
    name, reading = power.meter(str(tmp_path), integrated=True)
    assert (name, reading()) == ("INA3221", 6.0)


def test_boards_without_one_are_summed(tmp_path):
    rows = {"1-0040/hwmon/hwmon3": ("VDD_GPU_SOC", 400), "1-0041/hwmon/hwmon4": ("VDD_CPU_CV", 200)}
    for device, (label, amperes) in rows.items():
        told = {"in1_label": label, "in1_input": 20000, "curr1_input": amperes,
                "in2_label": "NC", "in2_input": 20000, "curr2_input": 100}  # fmt: skip
        files(tmp_path, {f"sys/bus/i2c/devices/{device}/{n}": text for n, text in told.items()})
    assert power.total_w(power.ina_rails(str(tmp_path))) == 12.0


def test_the_older_driver(tmp_path):
    folder = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"
    told = {"rail_name_0": "POM_5V_IN", "in_power0_input": 2532,
            "rail_name_1": "POM_5V_GPU", "in_power1_input": 160}  # fmt: skip
    files(tmp_path, {f"{folder}/{name}": text for name, text in told.items()})
    assert power.total_w(power.ina_rails(str(tmp_path))) == 2.532


@pytest.mark.parametrize(
    ("line", "watts"),
    [
        ("RAM 2448/7620MB CPU [2%@729] GPU@48C VDD_IN 4952mW/4952mW VDD_SOC 1400mW/1400mW", 4.952),
        ("RAM 900/3956MB EMC_FREQ 0% POM_5V_IN 2532/2532 POM_5V_GPU 160/160", 2.532),
        ("RAM 9/30GB VDD_GPU_SOC 3205mW/3205mW VIN_SYS_5V0 4020mW/4020mW", 7.225),
        ("RAM 2448/7620MB CPU [2%@729] GPU@48C", None),
    ],
)
def test_a_line_of_tegrastats(line, watts, tmp_path, no_tools):
    found = power.total_w(power.tegrastats_rails(line))
    assert found == (pytest.approx(watts) if watts else None)
    tool(no_tools, "tegrastats", line)
    name, _ = power.meter(str(tmp_path), integrated=True)
    assert name == ("tegrastats" if watts else "")


def test_nvml(monkeypatch):
    told = {"nvmlInit": lambda: None, "nvmlDeviceGetHandleByIndex": lambda _: 0,
            "nvmlDeviceGetPowerUsage": lambda _: 31500}  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(**told))
    name, reading = power.meter("/nowhere", integrated=False)
    assert (name, reading()) == ("NVML", 31.5)


@pytest.mark.parametrize(
    ("line", "told"), [("31.52", ("nvidia-smi", 31.52)), ("[N/A]", ("", None))]
)
def test_nvidia_smi(no_tools, line, told):
    tool(no_tools, "nvidia-smi", line)
    name, reading = power.meter("/nowhere", integrated=False)
    assert (name, reading() if reading else None) == told


def test_a_sampler_reads_at_least_once_and_may_have_nothing_to_read():
    with power.Sampler(lambda: 4.0) as sampler:
        pass
    assert set(sampler.samples) == {4.0}
    assert sampler.watts() == 4.0
    with power.Sampler(None) as sampler:
        pass
    assert sampler.watts() is None
