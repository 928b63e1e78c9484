"""The recorded API is played as it is recorded, and where a real one is at hand it is that one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from . import majors
from .device.desk import FAKES, RELEASES

# TensorRT-RTX 1.x has the API of TensorRT 11, but for these.
NOT_IN_RTX = {
    "Builder": {"build_engine_with_config"},
    "IBuilderConfig": {"remote_auto_tuning_config", "build_route", "all_build_routes"},
    "ICudaEngine": {"name"},
    "IExecutionContext": {"name"},
    "INetworkDefinition": {"add_plugin", "add_plugin_v2", "add_plugin_v3", "serialize", "name",
                           "has_implicit_batch_dimension"},
    "NetworkDefinitionCreationFlag": {"PREFER_AOT_PYTHON_PLUGINS", "PREFER_JIT_PYTHON_PLUGINS"},
}  # fmt: skip


def test_what_came_and_went():
    told = {release: majors.members(release) for release in majors.RELEASES}

    def where(kind, name):
        return [r for r in majors.RELEASES if name in told[r].get(kind, ())]

    assert where("IBuilderConfig", "max_workspace_size") == ["8.0", "8.2", "8.4", "8.5", "8.6"]
    assert where("IBuilderConfig", "set_memory_pool_limit")[0] == "8.4"
    assert where("Builder", "build_engine")[-1] == "8.6"
    assert where("Builder", "build_serialized_network") == list(majors.RELEASES)
    assert where("ICudaEngine", "num_bindings")[-1] == "8.6"
    assert where("ICudaEngine", "num_io_tensors")[0] == "8.5"
    assert where("ProfilingVerbosity", "DETAILED")[0] == "8.2"
    assert where("NetworkDefinitionCreationFlag", "STRONGLY_TYPED")[0] == "10.0"
    assert where("NetworkDefinitionCreationFlag", "EXPLICIT_BATCH")[-1] == "10.16"
    assert where("BuilderFlag", "INT8")[-1] == "10.16"
    assert [r for r in told if "EngineInspector" not in told[r]] == ["8.0"]
    assert [r for r in told if "IInt8EntropyCalibrator2" not in told[r]] == ["11.1"]


@pytest.mark.parametrize("release", RELEASES)
def test_what_a_release_has_not_is_not_played(tmp_path, release):
    """Every recorded name is there or not as recorded, and nothing else can be set."""
    code = """
import json, sys, tensorrt as trt
found = {n: sorted(x for x in dir(getattr(trt, n)) if x[0] != "_") for n in json.load(sys.stdin)
         if hasattr(trt, n)}
config = trt.IBuilderConfig()
try:
    config.max_workspace_size = 1
    found["set"] = True
except AttributeError:
    found["set"] = False
print(json.dumps(found))
"""
    told = tmp_path / "device.json"
    told.write_text(json.dumps({"tensorrt": release}))
    ran = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(sorted(majors.API)), capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(FAKES / "played"), "PLAYED_DEVICE": str(told)},
    )  # fmt: skip
    played = json.loads(ran.stdout)
    name = max((r for r in majors.RELEASES if release.startswith(f"{r}.")), key=len)
    wanted = majors.members(name)
    assert played.pop("set") == ("max_workspace_size" in wanted["IBuilderConfig"])
    # An enumeration of Python's own has a few names more.
    more = {"as_integer_ratio", "bit_length", "conjugate", "denominator", "from_bytes", "imag",
            "numerator", "real", "to_bytes", "bit_count", "is_integer"}  # fmt: skip
    plain = {"IHostMemory"} | {"Severity"}
    for kind, names in played.items():
        if kind not in plain:
            assert set(names) - more == set(wanted[kind]), kind
    assert set(wanted) - set(played) <= {"Severity"}


def test_a_real_one():
    rtx = pytest.importorskip("tensorrt_rtx", reason="the package tensorrt_rtx is not installed")
    newest = majors.members(majors.RELEASES[-1])
    for kind, names in newest.items():
        real = rtx.ILogger.Severity if kind == "Severity" else getattr(rtx, kind)
        missing = {name for name in names if not hasattr(real, name)}
        assert missing <= NOT_IN_RTX.get(kind, set()), kind
    for kind in majors.API:
        gone = set().union(*(majors.members(r).get(kind, ()) for r in majors.RELEASES))
        gone -= newest.get(kind, frozenset()) | {"name"}
        real = getattr(rtx, kind, None)
        assert not {name for name in gone if hasattr(real, name)}, kind
