"""The script that measures on a phone, with an adb and a benchmark_model that are not real.

What they say is in the form of the real ones: TensorFlow Lite's `benchmark_model.cc` and
`stats_calculator.h`, in three generations.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mcompile.backends.litert.kit import kit
from mcompile.files import hashed, sha256
from mcompile.types import Artifact, Contract, Port, Precision

NOW = """INFO: STARTING!
INFO: Loaded model
INFO: count=40 first=9801 curr=92 min=91 max=12801 avg=930.5 std=41 p5=91 median=92 p95=98

INFO: Running benchmark for at least 200 iterations and at least 1 seconds
INFO: count=200 first=9226 curr=9 min=9192 max=9975 avg=9252.21 std=39 p5=97 median=9246 p95=9328

INFO: Inference timings in us: Init: 855, First inference: 9801, Inference (avg): 9252.21
INFO: Memory footprint delta from the start of the tool (MB): init=1.5 overall=10.5
"""
OLD = """count=15 first=49060 curr=33682 min=32825 max=49060 avg=34825.1 std=3930

count=50 first=32891 curr=33978 min=32641 max=34005 avg=33209.4 std=450

Peak memory footprint (MB): init=0 overall=12.8672
"""
PROFILED = f"""{OLD}
Timings (microseconds): count=50 first=30000 curr=31000 min=29000 max=33000 avg=30500 std=400
Memory (bytes): count=0
"""
SAME = "count=1 curr=100\n\ncount=3 curr=250(all same)\n"

ADB = r"""#!/bin/sh
echo "$@" >>"$FAKE/calls"
case "$1" in
get-state) [ ! -e "$FAKE/gone" ] ;;
push | pull) [ "$1" = push ] || { [ -e "$FAKE/result.bin" ] && cp "$FAKE/result.bin" "$3"; } ;;
shell)
    case "$2" in
    *'[ -x'*) [ -e "$FAKE/tool" ] && echo yes ;;
    *getprop*manufacturer) echo Acme ;;
    *getprop*model) printf 'Phone "5"\r\n' ;;
    *getprop*release) echo 15 ;;
    'uname -m') echo aarch64 ;;
    *cpuinfo) printf 'processor\t: 0\nFeatures\t: fp asimd asimddp \n' ;;
    *dumpsys*) printf '  level: 80\n  temperature: 285\n' ;;
    *--graph=*) cat "$FAKE/said" ;;
    esac ;;
esac
"""


@pytest.fixture
def phone(tmp_path: Path) -> Path:
    """An artifact's folder `net` with its kit, and a device beside it."""
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "model.tflite").write_bytes(b"a model")
    x = np.arange(6, dtype=np.float32).reshape(1, 6)
    artifact = made("aarch64", folder)
    for name, data in kit(artifact, [({"x": x}, {"y": x[:, :2]})], 2).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (tmp_path / "adb").write_text(ADB)
    (tmp_path / "adb").chmod(0o755)
    (tmp_path / "tool").touch()
    (tmp_path / "said").write_text(NOW)
    return tmp_path


def made(arch: str, folder: Path) -> Artifact:
    ports = (Port("x", "float32", (1, 6)),), (Port("y", "float32", (1, 2)),)
    files = hashed(folder, ["model.tflite"])
    return Artifact("litert", Precision.FP32, files, *ports, Contract("r", ">=1", arch))


def run(phone: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(phone), os.environ["PATH"]])
    script = phone / "net" / "bench" / "bench.sh"
    return subprocess.run(
        ["sh", str(script), *words],
        env={**os.environ, "PATH": path, "FAKE": str(phone), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def written(phone: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((phone / "net/bench/measured.json").read_text())
    return found


def test_the_figures_of_the_timed_runs_are_written(phone: Path) -> None:
    done = run(phone)
    assert done.returncode == 0, done.stderr
    said = written(phone)
    assert said["artifact"] == {"sha256": sha256(phone / "net" / "model.tflite")}
    assert said["device"] == {
        "name": 'Acme Phone "5"', "arch": "aarch64", "isa": ["fp", "asimd", "asimddp"],
        "system": "Android 15",
    }  # fmt: skip
    assert said["runs"] == 200
    assert said["latency_ms"] == {
        "min": 9.192, "max": 9.975, "mean": 9.25221, "p50": 9.246, "p95": 9.328,
    }  # fmt: skip
    assert said["memory_peak_mb"] == pytest.approx(10.5 * 1.048576, rel=1e-5)
    assert said["temperature_c"] == [28.5, 28.5]
    assert said["threads"] == 2
    assert "outputs" not in said


BOARD = r"""#!/bin/sh
echo "$@" >>"$FAKE/calls"
for word; do
    case $word in --output_filepath=*) printf 12345678 >"${word#*=}" ;; esac
done
cat "$FAKE/said"
"""


@pytest.mark.parametrize("named", [True, False])
def test_a_board_measures_itself_without_adb(phone: Path, named: bool) -> None:
    (phone / "adb").unlink()
    tool = phone / "benchmark_model"
    tool.write_text(BOARD)
    tool.chmod(0o755)
    done = run(phone, ADB="", **({"BENCHMARK_MODEL": str(tool)} if named else {}))
    assert (done.returncode, done.stderr) == (0, "")
    said = written(phone)
    assert said["device"]["arch"] == os.uname().machine
    assert said["device"]["system"].startswith(os.uname().sysname)
    assert said["device"]["name"].strip()
    assert (said["runs"], said["outputs"]) == (200, "outputs.bin")
    assert (phone / "net/bench/outputs.bin").read_bytes() == b"12345678"
    graph = next(w for w in (phone / "calls").read_text().split() if w.startswith("--graph="))
    assert not Path(graph.removeprefix("--graph=")).exists()  # nothing stays behind


def test_a_board_without_the_tool_is_refused(phone: Path) -> None:
    done = run(phone, ADB="", BENCHMARK_MODEL=str(phone / "nowhere"))
    assert done.returncode == 7
    assert "benchmark_model is not on the device" in done.stderr


def test_the_golden_case_is_fed_and_its_outputs_come_back(phone: Path) -> None:
    (phone / "result.bin").write_bytes(b"12345678")
    assert run(phone, "--use_gpu=true").returncode == 0
    assert written(phone)["outputs"] == "outputs.bin"
    assert (phone / "net/bench/outputs.bin").read_bytes() == b"12345678"
    calls = (phone / "calls").read_text()
    assert "--input_layer=x --input_layer_shape=1,6 --input_layer_value_files=x:/data/" in calls
    assert "--num_threads=2" in calls
    assert "--use_gpu=true" in calls
    assert calls.rstrip().splitlines()[-1].startswith("shell rm -rf /data/local/tmp/mcompile-")


@pytest.mark.parametrize(
    ("said", "times", "memory"),
    [
        (OLD, {"min": 32.641, "max": 34.005, "mean": 33.2094}, 12.8672 * 1.048576),
        (PROFILED, {"min": 32.641, "max": 34.005, "mean": 33.2094}, 12.8672 * 1.048576),
        (SAME, {"min": 0.25, "p50": 0.25, "max": 0.25, "mean": 0.25}, None),
    ],
)
def test_older_tools_and_equal_times_are_understood(
    phone: Path, said: str, times: dict[str, float], memory: float | None
) -> None:
    (phone / "said").write_text(said)
    assert run(phone).returncode == 0
    assert written(phone)["latency_ms"] == times
    found = written(phone).get("memory_peak_mb")
    assert found == (None if memory is None else pytest.approx(memory, rel=1e-5))


def test_what_is_missing_is_said_in_three_lines(phone: Path) -> None:
    (phone / "said").write_text("error: no such flag\n")
    assert_refused(run(phone), "benchmark_model gave no times")
    (phone / "tool").unlink()
    assert_refused(run(phone), "benchmark_model is not on the device")
    (phone / "gone").touch()
    assert_refused(run(phone), "adb finds no device")
    assert_refused(run(phone, ADB="no-such-adb"), "adb is not here")
    assert not (phone / "net/bench/measured.json").exists()


def assert_refused(done: subprocess.CompletedProcess[str], what: str) -> None:
    assert done.returncode == 7
    first, place, fix = done.stderr.splitlines()
    assert first == f"error: {what}"
    assert place.startswith("  in   ")
    assert fix.startswith("  try  ")


def test_only_arm_devices_and_plain_names_are_given_it(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"a model")
    x = np.zeros((1, 6), np.float32)
    assert kit(made("x86_64", tmp_path), [({"x": x}, {})], 1) == {}
    odd = kit(made("aarch64", tmp_path), [({"x'; reboot": x}, {})], None)
    assert odd["bench/case.env"].decode().splitlines()[1:] == [
        "case_threads='1'", "case_inputs=''", "case_words=''",
    ]  # fmt: skip
    assert "bench/inputs/0.bin" not in odd
