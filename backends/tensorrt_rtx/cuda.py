"""The GPU's memory and its queue, by the driver's own library: no package is needed for them.

Names and numbers are those of the CUDA driver API ("CUDA Driver API Reference", `cuda.h`).
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from mcompile.errors import ContractError

_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR."""


class Gpu:
    """The first GPU, with a queue of its own. Raises `ContractError` where it does not answer."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._device, self._context = ctypes.c_int(), ctypes.c_void_p()
        self.stream = ctypes.c_void_p()
        self._do("cuDeviceGet", ctypes.byref(self._device), 0)
        self._do("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), self._device)
        self._do("cuCtxSetCurrent", self._context)
        self._do("cuStreamCreate", ctypes.byref(self.stream), 0)

    def capability(self) -> str:
        """Its compute capability, such as 8.9."""
        found = ctypes.c_int(), ctypes.c_int()
        for place, attribute in zip(found, (_MAJOR, _MINOR), strict=True):
            self._do("cuDeviceGetAttribute", ctypes.byref(place), attribute, self._device)
        return f"{found[0].value}.{found[1].value}"

    def room(self, size: int) -> int:
        """The address of so many bytes on the GPU, at least one."""
        address = ctypes.c_uint64()
        self._do("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(max(1, size)))
        return address.value

    def free(self, address: int) -> None:
        """Give the bytes at that address back."""
        self._do("cuMemFree_v2", ctypes.c_uint64(address))

    def send(self, data: Any, address: int) -> None:
        """Copy a contiguous array to the GPU, behind what is queued."""
        self._copy(
            "cuMemcpyHtoDAsync_v2",
            ctypes.c_uint64(address),
            ctypes.c_void_p(data.ctypes.data),
            data.nbytes,
        )

    def fetch(self, address: int, data: Any) -> None:
        """Copy from the GPU into a contiguous array, once what is queued was computed."""
        self._copy(
            "cuMemcpyDtoHAsync_v2",
            ctypes.c_void_p(data.ctypes.data),
            ctypes.c_uint64(address),
            data.nbytes,
        )
        self.wait()

    def wait(self) -> None:
        """Return when everything that was queued is done."""
        self._do("cuStreamSynchronize", self.stream)

    def close(self) -> None:
        """Give queue and context back; a second call does nothing."""
        if self._context:
            self._do("cuStreamDestroy_v2", self.stream)
            self._do("cuDevicePrimaryCtxRelease_v2", self._device)
            self._context = ctypes.c_void_p()

    def _copy(self, function: str, to: Any, source: Any, size: int) -> None:
        if size:
            self._do(function, to, source, ctypes.c_size_t(size), self.stream)

    def _do(self, function: str, *given: Any) -> None:
        status = getattr(self._library, function)(*given)
        if status:
            raise ContractError(
                f"the GPU's driver refused {function}: status {status}",
                where="GPU 0",
                fix="`nvidia-smi` shows whether the GPU answers, and how much of it is free",
            )


@cache
def library() -> Any:
    """The driver's library with a GPU behind it; None where either is missing."""
    try:
        found = ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    return found if has_gpu(found) else None


def has_gpu(found: Any) -> bool:
    """Whether the driver can be used, and sees a GPU."""
    count = ctypes.c_int()
    start: Callable[[int], int] = found.cuInit
    return start(0) == 0 and found.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def first(driver: Any) -> Gpu | None:
    """The first GPU that the driver sees; None without a driver."""
    return None if driver is None else Gpu(driver)
