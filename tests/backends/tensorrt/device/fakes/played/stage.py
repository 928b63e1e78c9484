"""The device that the other modules here play: what it is and has, and the memory of its GPU.

What is played keeps to Python 3.6, as what plays on it does.

`PLAYED_DEVICE` names a JSON file; what it leaves out is as below.
"""

import ctypes
import json
import os
from pathlib import Path

DEVICE = {
    "tensorrt": "8.5.2.2",  # what the package says of itself
    "sm": "8.7",
    "gpu": "Orin",
    "gpus": 1,
    "integrated": True,
    "free": 6_000_000_000,  # bytes that CUDA calls free
    "total": 8_000_000_000,
    "int8_hardware": True,
    "int8_used": True,  # whether kernels on integers are the ones that are chosen
    "skew": 1.0,  # what outputs are multiplied by
    "refuses": [],  # operators that the parser does not know
    "fails": "",  # what the builder says instead of building
    "killed": False,  # whether building ends by SIGKILL
    "watts": 31.5,
}
DEVICE.update(json.loads(Path(os.environ["PLAYED_DEVICE"]).read_text()))


class Gpu:
    """Memory by address; an address is of the process's own memory, as a Jetson's is."""

    def __init__(self):
        self.held = {}
        self.engines = 0

    def free(self):
        return DEVICE["free"] - self.engines - sum(len(block) for block in self.held.values())

    def allocate(self, size):
        assert size > 0
        if size > self.free():
            raise MemoryError("out of memory")
        block = ctypes.create_string_buffer(size)
        self.held[ctypes.addressof(block)] = block
        return ctypes.addressof(block)

    def release(self, address):
        del self.held[address]

    def write(self, address, data):
        assert len(data) <= len(self.held[address])
        ctypes.memmove(address, data, len(data))

    def read(self, address, size):
        assert size <= len(self.held[address])
        return ctypes.string_at(address, size)


GPU = Gpu()
STREAM = 77
