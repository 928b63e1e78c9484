"""What is asked of each release's builder: its own API, and nothing that it has not."""

from __future__ import annotations

import re
from types import ModuleType, SimpleNamespace

import pytest

from mcompile.backends.tensorrt.device.builder import Wish, build, check_wish, refusal
from mcompile.backends.tensorrt.device.faults import KitError
from mcompile.backends.tensorrt.device.kit import read_kit
from mcompile.backends.tensorrt.device.log import recorder

from .desk import lay

FREE = {"x": {"min": [1, 3, 8, 8], "opt": [2, 3, 8, 8], "max": [4, 3, 8, 8]}}


@pytest.mark.parametrize(
    ("precision", "release", "flags"),
    [
        ("fp16", "8.2.1.8", ["FP16", "TF32"]),
        ("fp16", "10.0.0.6", ["TF32"]),
        ("fp32", "8.5.2.2", []),
        ("fp32", "11.1.0.15", []),
    ],
)
def test_floats(tmp_path, precision, release, flags):
    desk = lay(tmp_path, precision)
    assert desk.run("--build-only", tensorrt=release).returncode == 0
    assert desk.told()["flags"] == flags


@pytest.mark.parametrize("release", ["8.0.1.6", "8.6.1.6", "10.16.0.72"])
def test_implicit_int8_takes_the_table(tmp_path, release):
    desk = lay(tmp_path, batch="N", profiles=FREE)
    ran = desk.run("--build-only", "--implicit", tensorrt=release)
    assert (ran.returncode, ran.stderr) == (0, "")
    told = desk.told()
    assert told["implicit"]
    assert told["calibrated"]
    assert told["flags"] == ["FP16", "INT8", "TF32"]
    assert told["profile"] == [{"x": [[1, 3, 8, 8], [2, 3, 8, 8], [4, 3, 8, 8]]}]
    assert desk.note()["mode"] == "implicit"


def test_a_dla_core(tmp_path):
    desk = lay(tmp_path, dla_cores=2)
    assert desk.run("--build-only", "--implicit", "--dla", "1").returncode == 0
    assert desk.told()["dla"] == 1
    assert desk.told()["flags"] == ["FP16", "GPU_FALLBACK", "INT8", "TF32"]


def test_a_dla_core_where_types_are_the_graphs(tmp_path):
    desk = lay(tmp_path, dla_cores=1)
    assert desk.run("--build-only", "--dla", "0", tensorrt="11.1.0.15").returncode == 0
    assert desk.told()["flags"] == ["GPU_FALLBACK", "TF32"]


@pytest.mark.parametrize(
    ("wish", "precision", "release", "what"),
    [
        (Wish(64, implicit=True), "fp16", "8.5.2.2", "the kit has no calibration table"),
        (Wish(64, implicit=True), "int8", "11.1.0.15", "TensorRT 11.1.0.15 has no calibrators"),
        (Wish(64, dla=2), "fp16", "8.5.2.2", "a jetson-orin-nano has 2 DLA cores"),
        (Wish(64, dla=0), "fp32", "8.5.2.2", "a DLA computes in fp16 and INT8 only"),
        (Wish(64, dla=0), "int8", "8.5.2.2", "a DLA takes no Q/DQ pairs"),
    ],
)
def test_wishes_that_cannot_be_met(tmp_path, wish, precision, release, what):
    kit = read_kit(str(lay(tmp_path, precision, dla_cores=2).kit))
    trt = SimpleNamespace(__version__=release)
    if release.startswith("8"):
        trt.IInt8EntropyCalibrator2 = object
    with pytest.raises(KitError, match=what) as caught:
        check_wish(trt, kit, wish)
    assert caught.value.code == 2


def test_a_wish_is_looked_at_before_anything_is_built(tmp_path):
    ran = lay(tmp_path, "fp16").run("--check-only", "--dla", "0")
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: a jetson-orin-nano has no DLA\n  in   --dla\n")


def test_free_sizes_need_a_profile(tmp_path):
    desk = lay(tmp_path, "fp32", batch="N")
    ran = desk.run("--build-only")
    assert ran.returncode == 6
    assert "no optimization profile has been defined" in ran.stderr


@pytest.mark.parametrize(("release", "code"), [("8.2.1.8", 7), ("11.1.0.15", 6)])
def test_hardware_without_int8(tmp_path, release, code):
    ran = lay(tmp_path).run("--build-only", tensorrt=release, int8_hardware=False)
    assert ran.returncode == code
    assert re.search("no INT8 arithmetic|require hardware with Int8", ran.stderr)


@pytest.mark.parametrize(
    ("said", "code", "told", "fix"),
    [
        ("Cuda Runtime (out of memory)", 7, "the device ran out of memory", "--workspace 128"),
        ("Error Code 10: Could not find any implementation for node Conv_1 + Relu_2.", 6,
         "does not build the network", "a larger --workspace"),
    ],
)  # fmt: skip
def test_a_build_that_gives_nothing(tmp_path, said, code, told, fix):
    ran = lay(tmp_path).run(fails=said)
    assert ran.returncode == code
    what, where, way = ran.stderr.splitlines()
    assert told in what
    assert said.split("(")[-1].rstrip(").") in what
    assert where.endswith("node Conv_1 + Relu_2") == (code == 6)
    assert fix in way


def test_a_table_that_is_not_taken(tmp_path):
    desk = lay(tmp_path)
    (desk.kit / "calibration.txt").write_text("x: 3d010204\n")
    script = desk.kit / "build_engine.py"
    text = script.read_text()
    assert "EntropyCalibration2\\n" in text
    script.write_text(text.replace("EntropyCalibration2\\n", "Entropy\\n"))
    desk.facts(files={})
    ran = desk.run("--build-only", "--implicit")
    assert (ran.returncode, "Calibration failure" in ran.stderr) == (6, True)


def test_silence_is_said(tmp_path):
    kit = read_kit(str(lay(tmp_path).kit))
    trt = ModuleType("tensorrt")
    trt.__version__ = "8.5.2"
    trt.errors = []
    assert "it does not say why" in refusal(trt, kit, Wish(64.0), trt).what


@pytest.fixture(scope="module")
def rtx():
    """TensorRT-RTX with its API as `tensorrt`, building for sm 8.6 without a GPU."""
    real = pytest.importorskip("tensorrt_rtx", reason="the package tensorrt_rtx is not installed")

    class Builder:
        def __init__(self, log):
            self._held = real.Builder(log)

        def __getattr__(self, name):
            return getattr(self._held, name)

        def create_builder_config(self):
            config = self._held.create_builder_config()
            config.num_compute_capabilities = 1
            config.set_compute_capability(real.ComputeCapability.SM86, 0)
            return config

    trt = ModuleType("tensorrt")
    trt.__dict__.update(vars(real))
    trt.Builder = Builder
    return trt


def test_a_real_builder_of_the_newest_api(tmp_path, rtx):
    kit = read_kit(str(lay(tmp_path, batch="N", profiles=FREE).kit))
    made = build(rtx, kit, Wish(64.0), recorder(rtx))
    assert made.plan[:4] == b"vtrt"
    assert len(made.plan) > 1000
    assert made.mode == "strongly-typed"
    again = build(rtx, kit, Wish(64.0, timing=made.timing), recorder(rtx))
    assert again.plan[:4] == b"vtrt"


def test_a_real_builder_says_why_not(tmp_path, rtx):
    kit = read_kit(str(lay(tmp_path, "fp32", batch="N").kit))
    with pytest.raises(KitError, match=r"does not build the network: .*profile") as caught:
        build(rtx, kit, Wish(64.0), recorder(rtx))
    assert caught.value.code == 6
