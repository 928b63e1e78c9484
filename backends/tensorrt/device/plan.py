"""The header of a serialized engine, read before TensorRT loads it."""

from typing import Tuple

from mcompile.backends.tensorrt.device.faults import CONTRACT, KitError
from mcompile.backends.tensorrt.device.versions import parsed

MAGIC = b"ftrt"
VERSION_AT = 24
HEADER_BYTES = 28
REBUILD = "build it again here: python3 build_engine.py"


def plan_version(data: bytes) -> Tuple[int, ...]:
    """Major, minor, patch and build of the TensorRT that wrote a plan; nothing where it is silent.

    They are bytes 24 to 27 where the second word is 0, as `trtexec --getPlanVersionOnly` reads
    them (TensorRT 8.6); older releases left no version there.
    """
    told = tuple(data[VERSION_AT : VERSION_AT + 4])
    return told if data[4:8] == bytes(4) and told[0] >= 8 else ()


def check_plan(data: bytes, version: str, path: str) -> None:
    """Nothing where `data` begins as a plan of this TensorRT does, else an error."""
    if len(data) < HEADER_BYTES:
        raise KitError(CONTRACT, f"the engine is cut short: {len(data)} bytes", path, REBUILD)
    if data[:4] != MAGIC:
        told = "it is no TensorRT engine: its first bytes are not ftrt"
        raise KitError(CONTRACT, told, path, REBUILD)
    found = plan_version(data)
    if found and found[:3] != (*parsed(version), 0, 0, 0)[:3]:
        told = ".".join(str(part) for part in found)
        raise KitError(
            CONTRACT,
            f"the engine was built by TensorRT {told}, and {version} is here",
            path,
            REBUILD,
        )
