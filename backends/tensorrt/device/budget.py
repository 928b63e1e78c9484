"""How much memory building may take on this device."""

from typing import NamedTuple, Optional

from mcompile.backends.tensorrt.device.faults import CONTRACT, USAGE, KitError
from mcompile.backends.tensorrt.device.kit import Kit

LEAST_MB = 16.0


class Memory(NamedTuple):
    """What the GPU can use, in 10^6 bytes."""

    free_mb: float
    total_mb: float
    where: str


def workspace_mb(kit: Kit, asked_mb: Optional[float], memory: Memory) -> float:
    """The workspace to build within: what is asked for, else the kit's or what the device has.

    Building needs `memory_needed_mb`, of which only the workspace can shrink. Raises `KitError`
    where the device has not enough, or less than is asked for.
    """
    floor_mb = max(kit.memory_needed_mb - kit.workspace_mb, 0.0)
    room_mb = memory.free_mb - floor_mb
    if asked_mb is not None and asked_mb > memory.total_mb:
        raise KitError(
            USAGE,
            f"a workspace of {asked_mb:.0f} MB is more than the {memory.total_mb:.0f} MB "
            f"of {memory.where}",
            "--workspace",
            f"--workspace {max(min(kit.workspace_mb, room_mb), LEAST_MB):.0f}, or leave it out",
        )
    least_mb = LEAST_MB if asked_mb is None else asked_mb
    if room_mb < least_mb:
        smaller = room_mb >= LEAST_MB
        raise KitError(
            CONTRACT,
            f"building needs about {floor_mb + least_mb:.0f} MB of memory, "
            f"and {memory.free_mb:.0f} MB are free",
            memory.where,
            f"--workspace {room_mb:.0f}"
            if smaller
            else "end other programs and the desktop (sudo systemctl isolate multi-user.target), "
            "add swap, or build on a device with more memory and the same GPU",
        )
    return min(kit.workspace_mb, room_mb) if asked_mb is None else asked_mb


def check_disk(kit: Kit, folder: str, free_mb: float) -> None:
    """Nothing where the engine fits on the disk, else an error."""
    if free_mb < kit.disk_mb:
        raise KitError(
            CONTRACT,
            f"the engine needs about {kit.disk_mb:.0f} MB, and {free_mb:.0f} MB of disk are free",
            folder,
            "free some space, or --out FILE on another disk",
        )
