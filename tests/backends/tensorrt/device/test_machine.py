"""What the kernel says of a board, in the words of several boards."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcompile.backends.tensorrt.device import machine


@pytest.fixture
def root(tmp_path):
    """A Jetson's /proc, /sys and /etc."""
    files = {
        "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
        "etc/nv_tegra_release": "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref\n",
        "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd asimddp\nprocessor\t: 1\n",
        "proc/meminfo": "MemTotal:        7802780 kB\nMemAvailable:    5000000 kB\n",
        "proc/self/status": "Name:\tpython3\nVmHWM:\t  300000 kB\nVmRSS:\t  200000 kB\n",
        "sys/class/thermal/thermal_zone0/temp": "48500\n",
        "sys/class/thermal/thermal_zone1/temp": "51250\n",
        "sys/class/thermal/thermal_zone2/temp": "-256000\n",
        "sys/class/thermal/thermal_zone3/temp": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(tmp_path)


def test_a_jetson(root):
    assert machine.board(root, "Orin") == "NVIDIA Jetson Orin Nano Developer Kit"
    assert machine.system(root).endswith("Jetson Linux R35 (release) REVISION: 4.1")
    assert machine.isa(root) == ["fp", "asimd", "asimddp"]
    assert machine.memory_mb(root) == (5120.0, pytest.approx(7990.05, abs=0.01))
    assert machine.process_mb(root) == (204.8, 307.2)
    assert machine.temperature_c(root) == 51.25


def test_zones_that_are_off(root):
    for number in (0, 1):
        Path(root, f"sys/class/thermal/thermal_zone{number}/temp").write_text("-256000\n")
    assert machine.temperature_c(root) is None


def test_a_machine_that_tells_nothing(tmp_path):
    root = str(tmp_path)
    assert machine.board(root, "NVIDIA A10") == "NVIDIA A10"
    assert "Jetson" not in machine.system(root)
    assert machine.isa(root) == []
    assert machine.memory_mb(root) == (0.0, 0.0)
    assert machine.temperature_c(root) is None


def test_this_machine():
    resident, peak = machine.process_mb("/")
    assert 0 < resident <= peak
    assert machine.disk_mb("") > 0
