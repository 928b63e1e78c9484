"""The driver's functions, over a machine that has no GPU."""

import numpy as np
import pytest

from .desk import target  # noqa: F401  (skips without the package)

from mcompile.backends.tensorrt_rtx import cuda  # isort: skip
from mcompile.errors import ContractError  # isort: skip

from .gpu import Driver  # isort: skip


def test_a_gpu_tells_its_compute_capability():
    assert cuda.Gpu(Driver((12, 1))).capability() == "12.1"


def test_what_is_sent_is_fetched():
    driver = Driver()
    gpu, data = cuda.Gpu(driver), np.arange(7, dtype=np.int64)
    place, back = gpu.room(data.nbytes), np.zeros(7, np.int64)
    gpu.send(data, place)
    gpu.fetch(place, back)
    np.testing.assert_array_equal(back, data)
    assert driver.calls[-1] == "cuStreamSynchronize"
    gpu.free(place)
    assert not driver.held


def test_nothing_has_room_too():
    driver = Driver()
    gpu, nothing = cuda.Gpu(driver), np.zeros((0, 3), np.float32)
    place = gpu.room(nothing.nbytes)
    gpu.send(nothing, place)
    gpu.fetch(place, nothing)
    assert "cuMemcpyHtoDAsync_v2" not in driver.calls


def test_closing_twice_gives_back_once():
    driver = Driver()
    gpu = cuda.Gpu(driver)
    gpu.close()
    gpu.close()
    assert driver.calls.count("cuDevicePrimaryCtxRelease_v2") == 1


@pytest.mark.parametrize("function", ["cuDeviceGet", "cuStreamCreate", "cuMemAlloc_v2"])
def test_a_driver_that_refuses_is_named(function):
    with pytest.raises(ContractError, match=f"{function}: status 700") as caught:
        cuda.Gpu(Driver(fails=function)).room(8)
    assert "nvidia-smi" in caught.value.fix


def test_a_driver_without_a_gpu_is_no_gpu():
    assert cuda.has_gpu(Driver())
    assert not cuda.has_gpu(Driver(gpus=0))
    assert cuda.first(None) is None
