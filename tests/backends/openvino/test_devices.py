"""Devices, whether they are here, and what they are asked for."""

from types import SimpleNamespace

import pytest

pytest.importorskip("openvino")

from mcompile.backends.openvino import devices
from mcompile.types import Precision

TYPE = devices.ov.properties.device.Type


@pytest.fixture
def machine(monkeypatch):
    """A machine with those devices; of GPUs, with their types."""

    def having(names, kinds=None, generation="3720"):
        class Core:
            available_devices = names

            def get_property(self, device, name):
                if name == "DEVICE_TYPE":
                    return (kinds or {})[device]
                if name == "OPTIMIZATION_CAPABILITIES":
                    return ["FP32", "BF16"]
                assert (device, name) == ("NPU", "DEVICE_ARCHITECTURE")
                if not generation:
                    raise RuntimeError(f"{name} is not supported")
                return generation

        fake = SimpleNamespace(Core=Core, properties=devices.ov.properties)
        monkeypatch.setattr(devices, "ov", fake)

    return having


@pytest.mark.parametrize(("names", "there"), [(["CPU"], False), (["CPU", "NPU"], True)])
def test_an_npu_is_here_where_the_runtime_finds_it(names, there, machine):
    machine(names)
    assert devices.holds("npu-3720") is there
    assert devices.holds("npu-4000") is False
    assert devices.holds("x86_64") is None


def test_an_npu_that_does_not_tell_its_generation_is_taken_at_its_word(machine):
    machine(["NPU"], generation="")
    assert devices.holds("npu-4000") is True


@pytest.mark.parametrize(
    ("kinds", "name"),
    [
        ({"GPU": TYPE.INTEGRATED}, "GPU"),
        ({"GPU": TYPE.DISCRETE}, "CPU"),
        ({"GPU.0": TYPE.DISCRETE, "GPU.1": TYPE.INTEGRATED}, "GPU.1"),
    ],
)
def test_an_integrated_gpu_is_no_card(kinds, name, machine):
    machine(["CPU", *kinds], kinds)
    assert devices.found("igpu-xe-lpg") == name
    assert devices.holds("igpu-xe-lpg") is (name != "CPU")


@pytest.mark.parametrize(
    ("precision", "hint"),
    [(Precision.FP32, "f32"), (Precision.FP16, "f16"), (Precision.INT8, "f16")],
)
@pytest.mark.parametrize("device", ["GPU", "GPU.1"])
def test_a_gpu_computes_in_the_artifact_s_precision(device, precision, hint, machine):
    machine([device])
    assert devices.settings(precision, 2, device) == {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": hint,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
    }


@pytest.mark.parametrize(
    ("precision", "hint"),
    [(Precision.FP32, "f32"), (Precision.BF16, "bf16"), (Precision.FP16, "f32")],
)
def test_a_processor_computes_in_16_bits_where_it_can(precision, hint, machine):
    machine(["CPU"])
    assert devices.settings(precision, 2, "CPU") == {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": hint,
        "INFERENCE_NUM_THREADS": 2,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
    }


def test_an_npu_is_asked_for_latency_alone(machine):
    machine(["NPU"])
    assert devices.settings(Precision.INT8, 2, "NPU") == {"PERFORMANCE_HINT": "LATENCY"}
