"""What the device draws in watts: INA3221 sensors, `tegrastats`, NVML or `nvidia-smi`."""

import glob
import os
import re
import shutil
import subprocess
import threading
from typing import Any, Callable, Dict, List, Optional, Tuple

from mcompile.backends.tensorrt.device.machine import read_text

Reading = Callable[[], Optional[float]]
# The rail that feeds the whole module. Boards without one are the sum of their rails.
TOTALS = ("VDD_IN", "POM_5V_IN")
INTERVAL_S = 0.1


def total_w(rails: Dict[str, float]) -> Optional[float]:
    """The module's power of its rails in W: the input rail's, else the sum; None without rails."""
    for name in TOTALS:
        if name in rails:
            return rails[name]
    return sum(rails.values()) if rails else None


def ina_rails(root: str) -> Dict[str, float]:
    """W by rail from the sensors of a Jetson, of JetPack 5 and later or of JetPack 4."""
    rails = {}
    for label in glob.glob(os.path.join(root, "sys/bus/i2c/devices/*/hwmon/hwmon*/in[123]_label")):
        folder, number = os.path.dirname(label), os.path.basename(label)[2]
        millivolts = read_text(os.path.join(folder, f"in{number}_input"))
        milliamperes = read_text(os.path.join(folder, f"curr{number}_input"))
        if millivolts.isdigit() and milliamperes.isdigit():
            rails[read_text(label)] = int(millivolts) * int(milliamperes) / 1e6
    old = os.path.join(root, "sys/bus/i2c/drivers/ina3221x/*/iio:device*/rail_name_[012]")
    for label in glob.glob(old):
        path = os.path.join(os.path.dirname(label), f"in_power{label[-1]}_input")
        milliwatts = read_text(path)
        if milliwatts.isdigit():
            rails[read_text(label)] = int(milliwatts) / 1e3
    return {name: watts for name, watts in rails.items() if name and name != "NC"}


def tegrastats_rails(line: str) -> Dict[str, float]:
    """W by rail from a line of `tegrastats`: `VDD_IN 4952mW/4952mW` or `POM_5V_IN 2532/2532`."""
    found = re.findall(r"\b((?:VDD|POM|VIN)\w*)\s+(\d+)(?:mW)?/\d+(?:mW)?", line)
    return {name: int(milliwatts) / 1e3 for name, milliwatts in found}


def meter(root: str, integrated: bool) -> Tuple[str, Optional[Reading]]:
    """What can be read here, and its name; integrated GPUs have sensors, others have NVML."""
    choices: List[Tuple[str, Reading]] = (
        [("INA3221", lambda: total_w(ina_rails(root))), ("tegrastats", _tegrastats)]
        if integrated
        else [("NVML", _nvml()), ("nvidia-smi", _nvidia_smi)]
    )
    for name, reading in choices:
        if reading() is not None:
            return name, reading
    return "", None


class Sampler:
    """Reads a meter in a thread of its own from `__enter__` to `__exit__`."""

    def __init__(self, reading: Optional[Reading]) -> None:
        self._reading = reading
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples: List[float] = []

    def __enter__(self) -> "Sampler":
        if self._reading is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        if self._reading is not None:
            self._thread.join()

    def watts(self) -> Optional[float]:
        """The mean of the samples; None where there are none."""
        return sum(self.samples) / len(self.samples) if self.samples else None

    def _run(self) -> None:
        while self._reading is not None:
            value = self._reading()
            if value is not None and value > 0:
                self.samples.append(value)
            if self._stop.wait(INTERVAL_S):
                return


def _tegrastats() -> Optional[float]:
    if shutil.which("tegrastats") is None:
        return None
    words = ["tegrastats", "--interval", str(int(INTERVAL_S * 1000))]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, universal_newlines=True)
    try:
        line = running.stdout.readline() if running.stdout else ""
    finally:
        running.kill()
        running.communicate()
    return total_w(tegrastats_rails(line))


def _nvml() -> Reading:
    try:
        import pynvml

        pynvml.nvmlInit()
        device = pynvml.nvmlDeviceGetHandleByIndex(0)
        pynvml.nvmlDeviceGetPowerUsage(device)
    # NVML's errors are classes of its own module; whatever they are, it cannot be read.
    except Exception:
        return lambda: None
    return lambda: float(pynvml.nvmlDeviceGetPowerUsage(device)) / 1e3


def _nvidia_smi() -> Optional[float]:
    if shutil.which("nvidia-smi") is None:
        return None
    words = ["nvidia-smi", "--query-gpu=power.draw", "--format=csv,noheader,nounits", "-i", "0"]
    told = subprocess.run(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        universal_newlines=True,
        check=False,
    )
    try:
        return float(told.stdout.strip())
    except ValueError:
        return None
