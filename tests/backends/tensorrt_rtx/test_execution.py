"""An engine on a GPU: the same code on one that is not there, and on a real one where there is."""

import numpy as np
import pytest

from .desk import product, program, target  # skips without the package

from mcompile.backends import tensorrt_rtx  # isort: skip
from mcompile.backends.tensorrt_rtx import TensorrtRtx, cuda, execution  # isort: skip
from mcompile.errors import ContractError, LoweringError  # isort: skip
from mcompile.standin import StandIn  # isort: skip
from mcompile.types import Precision  # isort: skip

from .gpu import Context, Driver, runtime  # isort: skip

X = np.arange(4, dtype=np.float32).reshape(1, 4)


@pytest.fixture
def machine(monkeypatch):
    """A machine with a GPU on which artifacts run; a context of None refuses them."""

    def having(artifact, folder, driver, context=Context):
        given = context and context(artifact, folder / "model.onnx")
        monkeypatch.setattr(cuda, "library", lambda: driver)
        monkeypatch.setattr(execution.trt, "Runtime", runtime(given))
        return given

    return having


def lowered(source, folder):
    return TensorrtRtx().lower(source, target(), folder)


def test_it_computes_on_the_gpu_and_leaves_no_memory_behind(machine, tmp_path):
    artifact, driver = lowered(product(), tmp_path), Driver()
    machine(artifact, tmp_path, driver)
    with TensorrtRtx().open(artifact, tmp_path) as executor:
        assert isinstance(executor, execution.Loaded)
        found = executor.run({"x": X})["y"]
        layers = executor.layers({"x": X}, 3)
    wanted = StandIn(tmp_path / "model.onnx", ["y"]).run({"x": X})["y"]
    np.testing.assert_array_equal(found, wanted)
    assert [(layer.name, layer.time_ms) for layer in layers] == [("one", 2.0)]
    assert not driver.held


def test_a_free_size_follows_what_is_fed_as_far_as_the_engine_goes(machine, tmp_path):
    weights = {"w": np.eye(4, dtype=np.float32)}
    free = program("y = MatMul(x, w)", "(float[n,4] x) => (float[n,4] y)", weights)
    artifact = lowered(free, tmp_path)
    machine(artifact, tmp_path, Driver())
    with TensorrtRtx().open(artifact, tmp_path) as executor:
        rows = np.ones((3, 4), np.float32)
        np.testing.assert_array_equal(executor.run({"x": rows})["y"], rows)
        with pytest.raises(LoweringError, match="shape"):
            executor.run({"x": np.ones((17, 4), np.float32)})


@pytest.mark.parametrize("feeds", [{}, {"x": X[0]}, {"x": X.astype(np.float64)}, {"x": X[:, :3]}])
def test_inputs_that_do_not_fit_are_refused(feeds, machine, tmp_path):
    artifact, driver = lowered(product(), tmp_path), Driver()
    machine(artifact, tmp_path, driver)
    with TensorrtRtx().open(artifact, tmp_path) as executor, pytest.raises(LoweringError):
        executor.run(feeds)
    assert not driver.held


def test_a_gpu_of_another_kind_leaves_it_to_the_graph(machine, tmp_path):
    artifact, driver = lowered(product(), tmp_path), Driver((8, 6))
    machine(artifact, tmp_path, driver)
    with TensorrtRtx().open(artifact, tmp_path) as executor:
        assert executor.stands_in
    assert "cuDevicePrimaryCtxRelease_v2" in driver.calls


def test_an_engine_that_the_runtime_refuses_is_an_error(machine, tmp_path):
    artifact = lowered(product(), tmp_path)
    machine(artifact, tmp_path, Driver(), context=None)
    with pytest.raises(ContractError, match="cannot load this engine"):
        TensorrtRtx().open(artifact, tmp_path)


@pytest.mark.skipif(cuda.library() is None, reason="there is no NVIDIA GPU in this machine")
def test_a_real_gpu_computes_what_the_graph_computes(tmp_path):
    gpu = cuda.first(cuda.library())
    assert gpu is not None
    capability = gpu.capability()
    gpu.close()
    if capability not in tensorrt_rtx.capabilities.NAMES:
        pytest.skip(f"TensorRT-RTX compiles nothing for compute capability {capability}")
    chosen = target(capability, Precision.FP16)
    half = program(
        "h = Cast <to = 10> (x) r = Relu(h) y = Cast <to = 1> (r)",
    )
    artifact = TensorrtRtx().lower(half, chosen, tmp_path)
    with TensorrtRtx().open(artifact, tmp_path) as executor:
        assert not executor.stands_in
        np.testing.assert_array_equal(executor.run({"x": X})["y"], np.maximum(X, 0))
