"""A GPU that is not there: the driver's functions over this machine's memory, and an engine on it.

Addresses are real ones, so a wrong size or order of arguments is found by what is computed.
"""

# ruff: noqa: ARG002, ARG005, N802  (names and arguments are the driver's)
from __future__ import annotations

import ctypes
from types import SimpleNamespace

import numpy as np

from mcompile.standin import StandIn


class Driver:
    """The functions of the driver that are used, with its way of giving results."""

    def __init__(self, capability=(8, 9), gpus=1, fails=""):
        self._capability, self._gpus, self._fails = capability, gpus, fails
        self.held = {}
        self.calls = []

    def __getattribute__(self, name):
        found = object.__getattribute__(self, name)
        if not name.startswith("cu"):
            return found
        self.calls.append(name)
        return (lambda *_: 700) if name == self._fails else found

    def cuInit(self, flags):
        return 0 if self._gpus else 100

    def cuDeviceGetCount(self, count):
        count._obj.value = self._gpus
        return 0

    def cuDeviceGet(self, device, ordinal):
        device._obj.value = 40 + ordinal
        return 0

    def cuDeviceGetAttribute(self, place, attribute, device):
        assert device.value == 40
        place._obj.value = self._capability[{75: 0, 76: 1}[attribute]]
        return 0

    def cuDevicePrimaryCtxRetain(self, context, device):
        context._obj.value = 7
        return 0

    def cuDevicePrimaryCtxRelease_v2(self, device):
        return 0

    def cuCtxSetCurrent(self, context):
        return 0 if context.value == 7 else 201

    def cuStreamCreate(self, stream, flags):
        stream._obj.value = 9
        return 0

    def cuStreamDestroy_v2(self, stream):
        return 0

    def cuStreamSynchronize(self, stream):
        return 0 if stream.value == 9 else 400

    def cuMemAlloc_v2(self, address, size):
        room = ctypes.create_string_buffer(size.value)
        address._obj.value = ctypes.addressof(room)
        self.held[address._obj.value] = room
        return 0

    def cuMemFree_v2(self, address):
        return 0 if self.held.pop(address.value, None) is not None else 1

    def cuMemcpyHtoDAsync_v2(self, to, source, size, stream):
        assert size.value <= len(self.held[to.value])
        ctypes.memmove(to.value, source.value, size.value)
        return 0

    def cuMemcpyDtoHAsync_v2(self, to, source, size, stream):
        assert size.value <= len(self.held[source.value])
        ctypes.memmove(to.value, source.value, size.value)
        return 0


class Context:
    """What a runtime makes of an engine: it computes the graph beside it, in the GPU's memory."""

    def __init__(self, artifact, model):
        self._artifact = artifact
        self._session = StandIn(model, [p.name for p in artifact.outputs])
        self._shapes, self._places = {}, {}
        self.profiler = None
        self.largest_batch = 16

    def set_input_shape(self, name, shape):
        self._shapes[name] = tuple(shape)
        return not shape or shape[0] <= self.largest_batch

    def get_tensor_shape(self, name):
        return self._computed(np.zeros)[name].shape

    def set_tensor_address(self, name, address):
        self._places[name] = address

    def execute_async_v3(self, stream):
        assert stream == 9
        for name, data in self._computed(self._read).items():
            ctypes.memmove(self._places[name], data.ctypes.data, data.nbytes)
        if self.profiler is not None:
            self.profiler.report_layer_time("one", 2.0)
        return True

    def _computed(self, make):
        ports = self._artifact.inputs
        feeds = {p.name: make(self._shapes[p.name], p.dtype, *_place(self, p, make)) for p in ports}
        return self._session.run(feeds)

    def _read(self, shape, dtype, address):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return np.frombuffer(ctypes.string_at(address, size), dtype).reshape(shape)


def _place(context, port, make):
    return () if make is np.zeros else (context._places[port.name],)


def runtime(context):
    """The package's `Runtime`, which gives that context; None where the engine is refused."""
    engine = SimpleNamespace(create_execution_context=lambda: context)
    given = None if context is None else engine
    return lambda said: SimpleNamespace(deserialize_cuda_engine=lambda data: given)
