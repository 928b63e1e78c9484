"""The script as a process, on a device of every major release."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mcompile.backends.tensorrt.device.faults import KitError
from mcompile.backends.tensorrt.device.kit import read_kit
from mcompile.backends.tensorrt.device.layers import Layers
from mcompile.backends.tensorrt.device.main import _golden, check_precision
from mcompile.protocol import read_record

from .desk import RELEASES, lay


@pytest.mark.parametrize("release", RELEASES)
def test_the_whole_course(tmp_path, release):
    desk = lay(tmp_path)
    ran = desk.run("--runs", "7", "--workspace", "100", tensorrt=release)
    assert (ran.returncode, ran.stderr) == (0, "")
    asked, strong = desk.told(), not release.startswith("8.")
    assert asked["flags"] == (["TF32"] if strong else ["FP16", "INT8", "TF32"])
    assert asked["workspace"] == 100_000_000
    assert asked["verbosity"] == ("VERBOSE" if release == "8.0.1.6" else "DETAILED")
    told = desk.measured()
    assert told["schema"] == 1
    assert (told["runs"], len(told["latency_ms"]["samples"])) == (7, 7)
    assert 0 < told["golden_error"] < 0.05
    engine = told["engine"]
    assert (engine["tensorrt"], engine["compute_capability"]) == (release, "8.7")
    assert engine["mode"] == ("strongly-typed" if strong else "explicit")
    assert (engine["int8_layers"], engine["layers"]) == (1, 3)
    lines = ran.stdout.splitlines()
    assert lines[0] == f"net int8 for jetson-orin-nano: Orin, sm 8.7, TensorRT {release}"
    assert sum(line == lines[0] for line in lines) == 1
    assert lines[-1] == "  mcompile check DIR --measured measured.json"
    assert any(line.startswith("layers: 1 INT8 (1 were asked for), ") for line in lines)
    # The engine, what is known of it, the figures, the timing cache; nothing half written.
    names = {path.name.split("-")[0] for path in desk.kit.iterdir()}
    assert names - {"model.engine", "model.engine.json", "measured.json", "timing"} == {
        "build_engine.py", "calibration.txt", "golden.npz", "kit.json", "model", "model.onnx"
    }  # fmt: skip


@pytest.mark.parametrize("release", ["8.0.1.6", "10.0.0.6"])
def test_int8_that_is_not_used_is_no_int8(tmp_path, release):
    desk = lay(tmp_path)
    ran = desk.run(tensorrt=release, int8_used=False)
    assert ran.returncode == 1
    assert "INT8 was asked for, and no layer uses it" in ran.stderr
    assert not (desk.kit / "measured.json").exists()


def test_int8_that_the_kit_itself_does_not_use(tmp_path):
    desk = lay(tmp_path, integer_layers=0)
    ran = desk.run("--check-only")
    assert ran.returncode == 1
    assert "INT8 was asked for, and no layer of the kit is quantized" in ran.stderr
    assert desk.run("--check-only", "--implicit").returncode == 0


def test_int8_that_nobody_can_see(tmp_path):
    kit = read_kit(str(lay(tmp_path).kit))
    for layers in (None, Layers(0, 0, 0, 0, 1), Layers(0, 2, 0, 0, 1)):
        check_precision(kit, layers)  # it is left open: a fused block says nothing
    with pytest.raises(KitError, match="no layer uses it: 2 of 3 are fp16, 1 fp32"):
        check_precision(kit, Layers(0, 2, 1, 0, 0))


def test_a_jetson_tells_its_power_and_warmth(tmp_path):
    desk = lay(tmp_path, "fp32")
    rail = desk.aside / "root" / "sys/bus/i2c/devices/1-0040/hwmon/hwmon3"
    zone = desk.aside / "root" / "sys/class/thermal/thermal_zone0"
    for folder, told in ((rail, {"in1_label": "VDD_IN", "in1_input": "5000", "curr1_input": "900"}),
                         (zone, {"temp": "48500"})):  # fmt: skip
        folder.mkdir(parents=True)
        for name, text in told.items():
            (folder / name).write_text(text)
    status = desk.aside / "root" / "proc" / "self" / "status"
    status.write_text("VmHWM: 300000 kB\nVmRSS: 200000 kB\n")
    ran = desk.run()
    assert (ran.returncode, ran.stderr) == (0, "")
    told = desk.measured()
    assert (told["power_w"], told["temperature_c"]) == (4.5, [48.5, 48.5])
    # 100,000 kB of the process's own, more than the engine takes of the GPU's share.
    assert told["memory_peak_mb"] == 102.4
    assert "power: 4.50 W (INA3221)" in ran.stdout


def test_a_card_tells_its_power_through_nvml(tmp_path):
    desk = lay(tmp_path, "fp32")
    ran = desk.run(integrated=False, more=["nvml_here"], watts=71.5)
    assert ran.returncode == 0
    assert desk.measured()["power_w"] == 71.5
    assert desk.measured()["tool"] == "TensorRT 8.5.2.2, NVML"


def test_checking_builds_nothing(tmp_path):
    desk = lay(tmp_path)
    before = sorted(desk.kit.iterdir())
    ran = desk.run("--check-only")
    assert (ran.returncode, sorted(desk.kit.iterdir())) == (0, before)
    assert "this device can build it, within a workspace of 256 MB" in ran.stdout


def test_an_engine_is_measured_again(tmp_path):
    desk = lay(tmp_path)
    engine = desk.aside / "net.plan"
    assert desk.run("--out", str(engine), "--implicit").returncode == 0
    first = json.loads((desk.aside / "measured.json").read_text())
    figures = desk.aside / "again.json"
    assert desk.run("--engine", str(engine), "--measured", str(figures)).returncode == 0
    again = json.loads(figures.read_text())
    assert again["engine"] == first["engine"]
    assert again["engine"]["mode"] == "implicit"
    assert again["engine"]["file"] == "net.plan"


def test_no_engine_and_no_folder(tmp_path):
    desk = lay(tmp_path, "fp32")
    ran = desk.run("--engine", str(desk.aside / "none"))
    assert (ran.returncode, "the engine cannot be read" in ran.stderr) == (7, True)
    ran = desk.run("--out", str(desk.aside / "no" / "model.engine"))
    assert (ran.returncode, "there is no such folder" in ran.stderr) == (7, True)


def test_a_build_that_the_kernel_ends(tmp_path):
    desk = lay(tmp_path, "fp32")
    ran = desk.run(killed=True)
    assert ran.returncode == 7
    assert ran.stderr.startswith("error: building was ended by signal 9: out of memory\n")
    assert not (desk.kit / "model.engine").exists()


def test_the_compiler_reads_what_the_device_wrote(tmp_path):
    desk = lay(tmp_path)
    assert desk.run("--runs", "50").returncode == 0
    record = read_record(desk.kit / "measured.json")
    assert record.artifact.sha256 == read_kit(str(desk.kit)).sha256
    assert record.runs == 50
    assert record.engine.int8_layers == 1


def test_the_tolerance_of_the_golden_file_goes_before_that_of_the_kit(tmp_path):
    desk = lay(tmp_path)
    kit = read_kit(str(desk.kit))
    assert _golden(kit).tolerance == 0.1
    with np.load(desk.kit / "golden.npz") as held:
        arrays = dict(held)
    np.savez(desk.kit / "golden.npz", tolerance=np.float64(1e-4), **arrays)
    assert _golden(kit).tolerance == 1e-4
