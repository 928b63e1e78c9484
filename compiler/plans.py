"""Engines of TensorRT told by their first bytes, before any runtime loads them.

    classic   `ftrt`, the version in bytes 24 to 27 (major, minor, patch, build) from release 8.6 on
              (trtexec, `--getPlanVersionOnly`); before, the number of the serialization at 8 says
              which release it was (TensorRT issues 2041 and 3073)
    RTX       `vtrt`, layout at 8, size of the whole file at 16, version at 24, `vtrt` again at 28,
              a mask of compute capabilities at 32: read off engines of release 1.7 built for each

Integers are little-endian. A classic plan runs on the GPU and version it was built for alone; an
RTX engine is compiled once more, on the device, for the capabilities in its mask.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from mcompile.errors import ContractError
from mcompile.profile import Device
from mcompile.types import Contract

SUFFIX = ".engine"
HEADER_BYTES = 64
_CLASSIC, _RTX = b"ftrt", b"vtrt"
_LAYOUT = 2
_MASK = ("7.5", "8.0", "8.6", "8.9", "12.0", "12.1")
"""The compute capability that each bit of the mask stands for, from the lowest."""
_SERIALIZED = {205: "8.2.1", 213: "8.4.3", 232: "8.5.3"}
"""Releases that do not write their version, by the number of their serialization."""
_FIRST_TOLD = 8
_RUNTIMES = {_CLASSIC: "tensorrt", _RTX: "tensorrt_rtx"}
_TITLES = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT-RTX"}
_AGAIN = "build the engine again, or copy it again"


@dataclass(frozen=True)
class Plan:
    """What an engine says of itself.

    Of a classic one the capability cannot be read, and of an old one not always the version: ''.
    """

    runtime: str
    version: str
    capabilities: tuple[str, ...] = ()


def read(data: bytes, name: str, size: int | None = None) -> Plan:
    """What the engine that begins with `data` says; `size` is that of the whole file, in bytes.

    Raises `ContractError` for a file that is cut short or is no engine.
    """
    if data[:4] not in _RUNTIMES:
        raise ContractError("it is no TensorRT engine", where=name, fix=_AGAIN)
    size = len(data) if size is None else size
    if size <= HEADER_BYTES or len(data) < HEADER_BYTES:
        raise _short(name, f"{size} bytes")
    runtime = _RUNTIMES[data[:4]]
    if runtime == "tensorrt_rtx":
        return Plan(runtime, _version(data), _rtx(data, name, size))
    old = _SERIALIZED.get(struct.unpack_from("<Q", data, 8)[0])
    return Plan(runtime, old or (_version(data) if data[24] >= _FIRST_TOLD else ""))


def demand(path: Path, contract: Contract) -> Plan:
    """What the engine at `path` says of itself, which is what the contract says.

    Raises `ContractError` for a damaged file, and for another runtime, version or capability.
    """
    try:
        with path.open("rb") as file:
            plan = read(file.read(HEADER_BYTES), path.name, path.stat().st_size)
    except OSError as error:
        raise ContractError("cannot be read", where=path.name, fix=_AGAIN) from error
    title = _TITLES[plan.runtime]
    if plan.runtime != contract.runtime:
        wanted = _TITLES.get(contract.runtime, contract.runtime)
        raise ContractError(
            f"it is an engine of {title}, not {wanted}", where=path.name, fix=_AGAIN
        )
    wanted_version = _versions(contract)
    if plan.version and not wanted_version.contains(plan.version, prereleases=True):
        raise ContractError(
            f"it was built by {title} {plan.version}, and {contract.version} is needed",
            where=path.name,
            fix="build the engine again with that version",
        )
    lacks = [name for name in _wanted(contract) if name not in plan.capabilities]
    if plan.capabilities and lacks:
        raise ContractError(
            f"it was built for compute capability {', '.join(plan.capabilities)}, not {lacks[0]}",
            where=path.name,
            fix="build the engine again for that GPU",
        )
    return plan


def _versions(contract: Contract) -> SpecifierSet:
    try:
        return SpecifierSet(contract.version)
    except InvalidSpecifier as error:
        raise ContractError(
            f"the runtime contract is damaged: {contract.version}",
            where="artifact.json",
            fix=_AGAIN,
        ) from error


def instructions(device: Device) -> tuple[str, ...]:
    """The device's instruction sets as a contract names them, `sm_89` of its GPU among them."""
    if device.compute_capability is None:
        return device.isa
    own = f"sm_{device.compute_capability.replace('.', '')}"
    return tuple(dict.fromkeys((*device.isa, own)))


def _version(data: bytes) -> str:
    return ".".join(map(str, data[24:28]))


def _wanted(contract: Contract) -> list[str]:
    """The compute capability that the contract names, as `8.9` of `sm_89`."""
    found = (i.removeprefix("sm_") for i in contract.isa if i.startswith("sm_"))
    return [f"{digits[:-1]}.{digits[-1]}" for digits in found]


def _rtx(data: bytes, name: str, size: int) -> tuple[str, ...]:
    layout, told = struct.unpack_from("<QQ", data, 8)
    mask = struct.unpack_from("<I", data, 32)[0]
    if data[28:32] != _RTX or layout != _LAYOUT or mask >> len(_MASK) or not mask:
        raise ContractError("its header is damaged, or newer than known", where=name, fix=_AGAIN)
    if told != size:
        raise _short(name, f"{size} of {told} bytes")
    return tuple(cc for bit, cc in enumerate(_MASK) if mask >> bit & 1)


def _short(name: str, told: str) -> ContractError:
    return ContractError(f"the engine is cut short: {told}", where=name, fix=_AGAIN)
