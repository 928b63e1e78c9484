"""How fast each kernel was in earlier builds: a file beside the kit, named by its content."""

import hashlib
import os

from mcompile.backends.tensorrt.device.files import write_whole
from mcompile.backends.tensorrt.device.kit import Kit


def timing_path(kit: Kit, version: str) -> str:
    """The file of this model, this TensorRT and this kind of GPU."""
    key = "\n".join((kit.sha256, version, kit.compute_capability))
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    return os.path.join(kit.folder, f"timing-{name}.cache")


def read_timing(path: str) -> bytes:
    """The cache's bytes; none where there is no cache yet."""
    if not os.path.isfile(path):
        return b""
    with open(path, "rb") as file:
        return file.read()


def keep_timing(path: str, data: bytes) -> bool:
    """Write the cache; whether that was possible. A kit on a read-only disk still builds."""
    try:
        write_whole(path, data)
    except OSError:
        return False
    return True
