"""What this machine is, and whether it is the one a profile means."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from mcompile.profile import Device
from mcompile.types import Measured, Provenance

_ARCHES = {"amd64": "x86_64", "x86-64": "x86_64", "arm64": "aarch64", "arm64-v8a": "aarch64"}

# The kernel's words on ARM, and spellings in use, beside the names that compilers give them.
_ISA = {
    "asimd": "neon",
    "asimddp": "dotprod",
    "asimdhp": "fp16",
    "avx512vnni": "avx512_vnni",
    "avxvnni": "avx_vnni",
    "avx512bf16": "avx512_bf16",
    "avx512fp16": "avx512_fp16",
    "amxint8": "amx_int8",
    "amxbf16": "amx_bf16",
    "amxtile": "amx_tile",
}

_FAMILIES = {
    "vnni": frozenset({"avx512_vnni", "avx_vnni"}),
    "amx": frozenset({"amx_int8", "amx_bf16", "amx_tile"}),
}


@dataclass(frozen=True)
class Machine:
    """The machine this process runs on; `isa` is empty where the system does not tell."""

    arch: str
    isa: frozenset[str]
    cpu: str
    cores: int
    compute_capability: str | None = None

    def matches(self, device: Device) -> tuple[bool, str]:
        """Whether measuring here is measuring on that device, and if not, the reason in words."""
        reason = self._differs(device)
        return reason == "", reason

    def stamp(
        self, rows: Sequence[Measured], device: Device, *, arithmetic: bool = False
    ) -> tuple[Measured, ...]:
        """The rows with this machine's name, and `counts` off where it is not that device.

        With `arithmetic` the caller vouches that the numbers follow from the device's arithmetic
        alone and that it was computed here bit for bit: elsewhere they are then simulated.
        """
        same, _ = self.matches(device)
        if same:
            return tuple(replace(r, device=self.cpu) for r in rows)
        if arithmetic:
            simulated = Provenance.SIMULATED
            return tuple(replace(r, device=self.cpu, provenance=simulated) for r in rows)
        told = f"measured on {self.cpu}, which is not the profile's device"
        return tuple(replace(r, device=self.cpu, counts=False, doubt=r.doubt or told) for r in rows)

    def bearing(self, device: Device) -> Machine:
        """This machine as the bearer of an accelerator on which the model ran."""
        return replace(self, arch=_arch(device.arch), isa=frozenset(map(_flag, device.isa)),
                       cpu=f"{device.arch} beside {self.cpu}")  # fmt: skip

    def _differs(self, device: Device) -> str:
        if self.arch != _arch(device.arch):
            return f"it is {self.arch}, not {_arch(device.arch)}"
        if (device.isa or device.isa_without) and not self.isa:
            return "its instruction set is not known"
        if missing := self.lacks(device.isa):
            return f"it has no {', '.join(missing)}"
        surplus = [name for name in device.isa_without if self._has(name)]
        if surplus:
            return f"it has {', '.join(surplus)}"
        wanted = device.compute_capability
        if wanted is not None and wanted != self.compute_capability:
            return f"it has no GPU of compute capability {wanted}"
        return ""

    def lacks(self, isa: Iterable[str]) -> tuple[str, ...]:
        """Those of the instruction sets that this machine has not, whatever their spelling."""
        return tuple(name for name in isa if not self._has(name))

    def _has(self, name: str) -> bool:
        return bool(_FAMILIES.get(name.lower(), frozenset({_flag(name)})) & self.isa)


def here(cpuinfo: Path = Path("/proc/cpuinfo")) -> Machine:
    """The machine this process runs on; the instruction set is known on Linux only."""
    text = cpuinfo.read_text(errors="replace") if cpuinfo.is_file() else ""
    facts = dict(_facts(text))
    flags = (facts.get("flags") or facts.get("features") or "").split()
    arch = _arch(platform.machine())
    name = facts.get("model name") or platform.processor() or arch
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    capability = _compute_capability()
    own = {f"sm_{capability.replace('.', '')}"} if capability else set()
    return Machine(arch, frozenset(map(_flag, flags)) | own, name, cores, capability)


def stated(arch: str, isa: Iterable[str], name: str) -> Machine:
    """Another machine, as it told of itself, in whatever spelling."""
    return Machine(_arch(arch), frozenset(map(_flag, isa)), name, 0)


def _facts(text: str) -> list[tuple[str, str]]:
    lines = (line.partition(":") for line in text.splitlines() if ":" in line)
    return [(key.strip().lower(), value.strip()) for key, _, value in lines]


def _arch(name: str) -> str:
    return _ARCHES.get(name.lower(), name.lower())


def _flag(name: str) -> str:
    lowered = name.lower()
    return _ISA.get(lowered.replace("_", "").replace("-", ""), lowered.replace("-", "_"))


def _compute_capability() -> str | None:
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    except pynvml.NVMLError:
        return None
    return f"{major}.{minor}"
