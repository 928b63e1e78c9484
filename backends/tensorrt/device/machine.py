"""The machine: what it is called, its memory and disk, and how warm it is.

`root` is where its /proc and /sys are found, `/` but in a container that mounts them elsewhere.
"""

import glob
import os
import platform
import shutil
from typing import List, Optional, Tuple


def read_text(path: str) -> str:
    """The text of a file of the kernel's, stripped; empty where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace").strip(" \t\r\n\0")
    except OSError:
        return ""


def board(root: str, gpu: str) -> str:
    """The board's own name, as every Jetson has one; elsewhere the GPU's."""
    return read_text(os.path.join(root, "proc/device-tree/model")) or gpu


def system(root: str) -> str:
    """The kernel, and the release of Jetson Linux where it is one."""
    release = read_text(os.path.join(root, "etc/nv_tegra_release")).split("\n")[0]
    # "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, ..."
    told = [part.strip(" #") for part in release.split(",")[:2]]
    tegra = "Jetson Linux {}".format(" ".join(told)) if release else ""
    return ", ".join(part for part in (platform.platform(), tegra) if part)


def isa(root: str) -> List[str]:
    """The processor's features as /proc/cpuinfo lists them."""
    for line in read_text(os.path.join(root, "proc/cpuinfo")).split("\n"):
        key, _, value = line.partition(":")
        if key.strip() in ("Features", "flags"):
            return value.split()
    return []


def memory_mb(root: str) -> Tuple[float, float]:
    """Available and total memory of the host in 10^6 bytes; zeros where the kernel tells none."""
    path = os.path.join(root, "proc/meminfo")
    return _field_mb(path, "MemAvailable"), _field_mb(path, "MemTotal")


def process_mb(root: str) -> Tuple[float, float]:
    """Resident and peak resident memory of this process in 10^6 bytes."""
    path = os.path.join(root, "proc/self/status")
    return _field_mb(path, "VmRSS"), _field_mb(path, "VmHWM")


def disk_mb(folder: str) -> float:
    """Free space for files in `folder`, in 10^6 bytes."""
    return shutil.disk_usage(folder or ".").free / 1e6


def temperature_c(root: str) -> Optional[float]:
    """The warmest thermal zone; None where there is none."""
    zones = glob.glob(os.path.join(root, "sys/class/thermal/thermal_zone*/temp"))
    told = [read_text(zone) for zone in zones]
    # Zones that are switched off say -256000 or fail to be read.
    found = [int(t) / 1000 for t in told if t.lstrip("-").isdigit() and int(t) > 0]
    return max(found) if found else None


def _field_mb(path: str, field: str) -> float:
    for line in read_text(path).split("\n"):
        key, _, value = line.partition(":")
        if key == field:
            return int(value.split()[0]) * 1024 / 1e6
    return 0.0
