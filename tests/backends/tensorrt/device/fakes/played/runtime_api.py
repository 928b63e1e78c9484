"""The runtime API of cuda-python: every function gives its error first, in a tuple."""

# ruff: noqa: N801, N802, N803, N815 (the names are CUDA's)

import ctypes
import enum

from stage import DEVICE, GPU, STREAM


class cudaError_t(enum.IntEnum):
    cudaSuccess = 0
    cudaErrorMemoryAllocation = 2
    cudaErrorNoDevice = 100


class cudaDeviceAttr(enum.IntEnum):
    cudaDevAttrIntegrated = 18
    cudaDevAttrComputeCapabilityMajor = 75
    cudaDevAttrComputeCapabilityMinor = 76


class cudaMemcpyKind(enum.IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class _Properties:
    name = DEVICE["gpu"].encode() + b"\0" * 8


def cudaGetDeviceCount():
    if DEVICE["gpus"] is None:
        return cudaError_t.cudaErrorNoDevice, None
    return cudaError_t.cudaSuccess, DEVICE["gpus"]


def cudaSetDevice(device):
    assert device == 0
    return (cudaError_t.cudaSuccess,)


def cudaDeviceGetAttribute(attr, device):
    major, minor = (int(part) for part in DEVICE["sm"].split("."))
    told = {75: major, 76: minor, 18: int(DEVICE["integrated"])}
    return cudaError_t.cudaSuccess, told[attr]


def cudaGetDeviceProperties(device):
    return cudaError_t.cudaSuccess, _Properties()


def cudaMemGetInfo():
    return cudaError_t.cudaSuccess, GPU.free(), DEVICE["total"]


def cudaMalloc(size):
    try:
        return cudaError_t.cudaSuccess, GPU.allocate(size)
    except MemoryError:
        return cudaError_t.cudaErrorMemoryAllocation, None


def cudaFree(devPtr):
    GPU.release(devPtr)
    return (cudaError_t.cudaSuccess,)


def cudaMemcpy(dst, src, count, kind):
    if kind == cudaMemcpyKind.cudaMemcpyHostToDevice:
        GPU.write(dst, ctypes.string_at(src, count))
    else:
        ctypes.memmove(dst, GPU.read(src, count), count)
    return (cudaError_t.cudaSuccess,)


def cudaStreamCreate():
    return cudaError_t.cudaSuccess, STREAM


def cudaStreamSynchronize(stream):
    assert stream == STREAM
    return (cudaError_t.cudaSuccess,)
