"""GPU 0: its memory and its stream, through `pycuda` or `cuda-python`, whichever is there."""

import atexit
from abc import ABC, abstractmethod
from typing import Any, Dict, List, Tuple

from mcompile.backends.tensorrt.device.arrays import np
from mcompile.backends.tensorrt.device.faults import MISSING, KitError


class Cuda(ABC):
    """What the script needs of CUDA. Addresses and streams are plain integers."""

    binding = ""

    @abstractmethod
    def compute_capability(self) -> str:
        """Such as `8.7`."""

    @abstractmethod
    def name(self) -> str:
        """The GPU's name as the driver tells it."""

    @abstractmethod
    def integrated(self) -> bool:
        """Whether the GPU shares the memory of the host, as on every Jetson."""

    @abstractmethod
    def memory(self) -> Tuple[int, int]:
        """Free and total bytes."""

    @abstractmethod
    def allocate(self, size: int) -> int:
        """The address of `size` new bytes."""

    @abstractmethod
    def free(self, address: int) -> None:
        """Give back what `allocate` gave."""

    @abstractmethod
    def upload(self, address: int, data: Any) -> None:
        """Copy a contiguous array to the device."""

    @abstractmethod
    def download(self, data: Any, address: int) -> None:
        """Fill a contiguous array from the device."""

    @abstractmethod
    def stream(self) -> int:
        """The handle of the one stream that everything runs on."""

    @abstractmethod
    def wait(self) -> None:
        """Return when the stream has nothing left to do."""


class PyCuda(Cuda):
    """Through `pycuda`, in the device's primary context, which TensorRT uses too."""

    binding = "pycuda"

    def __init__(self, driver: Any) -> None:
        driver.init()
        if driver.Device.count() == 0:
            raise RuntimeError("no CUDA device")
        self._driver = driver
        self._device = driver.Device(0)
        context = self._device.retain_primary_context()
        context.push()
        # pycuda ends the process where a context is still current at its end.
        atexit.register(context.pop)
        self._stream = driver.Stream()
        self._held: Dict[int, Any] = {}

    def compute_capability(self) -> str:
        return "{}.{}".format(*self._device.compute_capability())

    def name(self) -> str:
        return str(self._device.name())

    def integrated(self) -> bool:
        return bool(self._device.get_attribute(self._driver.device_attribute.INTEGRATED))

    def memory(self) -> Tuple[int, int]:
        free, total = self._driver.mem_get_info()
        return int(free), int(total)

    def allocate(self, size: int) -> int:
        held = self._driver.mem_alloc(max(size, 1))
        self._held[int(held)] = held
        return int(held)

    def free(self, address: int) -> None:
        self._held.pop(address).free()

    def upload(self, address: int, data: Any) -> None:
        if data.nbytes:
            self._driver.memcpy_htod(address, data)

    def download(self, data: Any, address: int) -> None:
        if data.nbytes:
            self._driver.memcpy_dtoh(data, address)

    def stream(self) -> int:
        return int(self._stream.handle)

    def wait(self) -> None:
        self._stream.synchronize()


class CudaPython(Cuda):
    """Through the runtime API of `cuda-python`, whose every call returns its error first."""

    binding = "cuda-python"

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        if not self._call("cudaGetDeviceCount")[0]:
            raise RuntimeError("no CUDA device")
        self._call("cudaSetDevice", 0)
        self._stream = self._call("cudaStreamCreate")[0]

    def _call(self, function: str, *arguments: Any) -> List[Any]:
        told = getattr(self._runtime, function)(*arguments)
        error, rest = told[0], list(told[1:])
        if int(error) != 0:
            raise RuntimeError(f"{function}: {error}")
        return rest

    def _attribute(self, name: str) -> int:
        asked = getattr(self._runtime.cudaDeviceAttr, name)
        return int(self._call("cudaDeviceGetAttribute", asked, 0)[0])

    def compute_capability(self) -> str:
        ends = ("Major", "Minor")
        return ".".join(str(self._attribute("cudaDevAttrComputeCapability" + e)) for e in ends)

    def name(self) -> str:
        told = self._call("cudaGetDeviceProperties", 0)[0].name
        return told.split(b"\0")[0].decode() if isinstance(told, bytes) else str(told)

    def integrated(self) -> bool:
        return bool(self._attribute("cudaDevAttrIntegrated"))

    def memory(self) -> Tuple[int, int]:
        free, total = self._call("cudaMemGetInfo")
        return int(free), int(total)

    def allocate(self, size: int) -> int:
        return int(self._call("cudaMalloc", max(size, 1))[0])

    def free(self, address: int) -> None:
        self._call("cudaFree", address)

    def upload(self, address: int, data: Any) -> None:
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._call("cudaMemcpy", address, data.ctypes.data, data.nbytes, kind)

    def download(self, data: Any, address: int) -> None:
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._call("cudaMemcpy", data.ctypes.data, address, data.nbytes, kind)

    def stream(self) -> int:
        return int(self._stream)

    def wait(self) -> None:
        self._call("cudaStreamSynchronize", self._stream)


def open_cuda() -> Cuda:
    """GPU 0. An error where there is no numpy, no binding, or no GPU that it can open."""
    if np is None:
        raise KitError(MISSING, "numpy is not here", "python3", "python3 -m pip install numpy")
    try:
        from pycuda import driver

        return _opened(PyCuda, driver)
    except ImportError:
        pass
    try:
        from cuda.bindings import runtime
    except ImportError:
        try:
            from cuda import cudart as runtime
        except ImportError as error:
            raise KitError(
                MISSING,
                "neither pycuda nor cuda-python is here",
                "python3",
                "python3 -m pip install pycuda, or cuda-python for the CUDA of this device",
            ) from error
    return _opened(CudaPython, runtime)


def _opened(kind: Any, module: Any) -> Cuda:
    try:
        opened: Cuda = kind(module)
        return opened
    # Each binding has errors of its own, and a missing driver is a plain RuntimeError.
    except Exception as error:
        raise KitError(
            MISSING,
            f"no GPU can be opened: {error}",
            kind.binding,
            "nvidia-smi or tegrastats says whether the driver sees it; in a container: "
            "docker run --runtime nvidia or --gpus all",
        ) from error
