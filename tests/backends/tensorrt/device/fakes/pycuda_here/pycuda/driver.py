"""The driver's API: numbers of bytes, arrays, and objects that are addresses."""

import atexit
import enum
import os
import sys

import numpy as np
from stage import DEVICE, GPU, STREAM

_READY = []
device_attribute = enum.Enum("device_attribute", ["INTEGRATED"])


class MemoryError(Exception):
    """pycuda's own, no Python MemoryError."""


def init():
    if DEVICE["gpus"] is None:
        raise RuntimeError("cuInit failed: no CUDA-capable device is detected")
    _READY.append("init")


def _ready():
    assert _READY == ["init", "context"], "no context is current"


def _ended():
    if "context" in _READY:
        sys.stderr.write("PyCUDA ERROR: The context stack was not empty upon module cleanup.\n")
        sys.stderr.flush()
        os._exit(134)


atexit.register(_ended)


class _Context:
    def push(self):
        _READY.append("context")

    def pop(self):
        _READY.remove("context")


class Device:
    def __init__(self, number):
        assert number == 0

    @staticmethod
    def count():
        return DEVICE["gpus"]

    def compute_capability(self):
        return tuple(int(part) for part in DEVICE["sm"].split("."))

    def name(self):
        return DEVICE["gpu"]

    def get_attribute(self, asked):
        return int({device_attribute.INTEGRATED: DEVICE["integrated"]}[asked])

    def retain_primary_context(self):
        return _Context()


class Stream:
    def __init__(self):
        _ready()
        self.handle = STREAM

    def synchronize(self):
        _ready()


class DeviceAllocation:
    def __init__(self, address):
        self._address = address

    def __int__(self):
        return self._address

    def free(self):
        GPU.release(self._address)


def mem_get_info():
    _ready()
    return GPU.free(), DEVICE["total"]


def mem_alloc(size):
    _ready()
    try:
        return DeviceAllocation(GPU.allocate(size))
    except BaseException as error:
        raise MemoryError("cuMemAlloc failed: out of memory") from error


def memcpy_htod(place, data):
    _ready()
    assert isinstance(place, int)
    assert data.flags.c_contiguous
    GPU.write(place, data.tobytes())


def memcpy_dtoh(data, place):
    _ready()
    assert data.flags.c_contiguous
    data.reshape(-1).view(np.uint8)[:] = np.frombuffer(GPU.read(place, data.nbytes), np.uint8)
