"""Engines on this machine's GPU: on a played device, and on a real one where there is one."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcompile.backends.tensorrt.presence import finisher
from mcompile.types import Precision

from .written import BACKEND, net, samples, target

FAKES = Path(__file__).parent / "device" / "fakes"
WORK = """
    import hashlib, json, sys
    from pathlib import Path
    from mcompile.backends.tensorrt import presence
    from mcompile.errors import CompileError
    presence._NODES = ("/",)
    sys.path.insert(0, sys.argv[2])
    from written import BACKEND, quantized, samples, target
    there, out = target(">=8.5,<11"), Path(sys.argv[1])
    told = {}
    try:
        artifact = BACKEND.lower(quantized(there), there, out)
        told["files"] = [f.path for f in artifact.files]
        with BACKEND.open(artifact, out, 1) as executor:
            told["kind"] = type(executor).__name__
            told["y"] = executor.run(next(iter(samples())).feeds)["y"].tolist()
            told["dtype"] = executor.run(next(iter(samples())).feeds)["y"].dtype.name
            try:
                executor.run({})
            except CompileError as error:
                told["wrong"] = [type(error).__name__, error.what]
    except CompileError as error:
        told["error"] = [type(error).__name__, error.what, error.where, error.fix]
    print(json.dumps(told))
"""


@pytest.fixture
def played(tmp_path):
    """What a process says that builds and runs the net on a device with these traits."""

    def run(place="out", **device):
        (tmp_path / "device.json").write_text(json.dumps(device))
        paths = [str(FAKES / p) for p in ("played", "pycuda_here", "absent")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PLAYED_DEVICE": str(tmp_path / "device.json"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }
        words = [str(tmp_path / place), str(Path(__file__).parent)]
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(WORK), *words],
            env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert not done.returncode, done.stderr
        return json.loads(done.stdout)

    return run


def test_an_engine_is_built_run_and_its_timings_kept(played, tmp_path):
    told = played()
    assert "engine-kit/model.engine" in told["files"]
    assert (told["kind"], told["dtype"]) == ("Native", "float32")
    there = replace(target(">=8.5,<11"), precision=Precision.FP32)
    feeds = next(iter(samples())).feeds
    with BACKEND.open(BACKEND.lower(net(), there, tmp_path), tmp_path, 1) as executor:
        want = executor.run(feeds)["y"]
    assert 0 < abs(np.asarray(told["y"]) - want).max() < 0.1  # integers, not floats
    assert told["wrong"][0] == "ContractError"
    (kept,) = (tmp_path / "cache" / "mcompile" / "tensorrt").iterdir()
    assert kept.suffix == ".timing"
    assert len(kept.stem) == 64
    played("again")
    assert [*kept.parent.iterdir()] == [kept]
    played("newer", tensorrt="8.6.1.6")
    assert len([*kept.parent.iterdir()]) == 2


@pytest.mark.parametrize("other", [{"sm": "8.6"}, {"tensorrt": "8.4.1.5"}, {"gpus": 0}])
def test_another_device_gets_a_kit(other, played, tmp_path):
    told = played(**other)
    assert told["kind"] == "StandIn"
    assert "engine-kit/model.engine" not in told["files"]
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("device", "kind", "words"),
    [
        ({"refuses": ["Sigmoid"]}, "LoweringError", "refuses Sigmoid"),
        ({"int8_used": False}, "LoweringError", "no layer of the engine computes in it"),
        ({"free": 300_000_000}, "ContractError", "of memory"),
    ],
)
def test_what_goes_wrong_on_the_device_is_one_of_our_errors(device, kind, words, played):
    found, what, _, fix = played(**device)["error"]
    assert found == kind
    assert words in what
    assert fix


@pytest.mark.skipif(
    importlib.util.find_spec("tensorrt") is None or finisher() is None,
    reason="needs an NVIDIA GPU and the package tensorrt",
)
def test_a_real_gpu_builds_and_runs_an_engine(tmp_path):
    from mcompile.backends.tensorrt.device.cuda import open_cuda

    there = target("", Precision.FP32)
    device = replace(there.device, compute_capability=open_cuda().compute_capability())
    artifact = BACKEND.lower(net(), replace(there, device=device), tmp_path)
    assert "engine-kit/model.engine" in [f.path for f in artifact.files]
    feeds = next(iter(samples())).feeds
    with BACKEND.open(artifact, tmp_path) as executor:
        got = executor.run(feeds)["y"]
    from mcompile.oracle import Oracle

    np.testing.assert_allclose(got, Oracle(net()).run(feeds)["y"], atol=1e-4)
