"""From a model to a verdict: a kit is built, finished on a played device, and judged."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import mcompile
from mcompile import cli
from mcompile.artifact import read

from .device.desk import Desk


class Net(torch.nn.Module):
    """Two convolutions wide enough for integers, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv2d(16, 16, 3, padding=1)
        self.second = torch.nn.Conv2d(16, 32, 3, padding=1)
        self.last = torch.nn.Linear(32, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Class scores."""
        return self.last(self.second(self.first(x).relu()).relu().mean((2, 3)))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kit")
    data = np.random.default_rng(0).standard_normal((32, 1, 16, 8, 8)).astype(np.float32)
    report = mcompile.build(
        Net().eval(), target="jetson-orin-nano", precision="int8", calibration=list(data),
        inputs=("F32[1,16,8,8]",), out=str(folder / "out"),
    )  # fmt: skip
    desk = Desk(folder / "out" / report.folder.rpartition("/")[2] / "engine-kit", folder / "aside")
    proc = desk.aside / "root" / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 7812500 kB\nMemAvailable: 5859375 kB\n")
    features = "asimd asimdhp asimddp"
    (proc / "cpuinfo").write_text(f"processor : 0\nFeatures : {features}\n")
    return report, desk


def finished(desk, tmp_path, **changed):
    """What the device said, as if it were the Orin that it plays."""
    ran = desk.run("--runs", "120", tensorrt="8.5.2.2", sm="8.7")
    assert ran.returncode == 0, ran.stderr
    told = desk.measured()
    told["device"]["arch"] = "aarch64"
    told.update(changed)
    path = tmp_path / "measured.json"
    path.write_text(json.dumps(told))
    return told, path


def test_nothing_is_timed_and_everything_is_labelled(built) -> None:
    report, _ = built
    rows = {m.name: m.provenance.value for m in report.variants[0].measured}
    assert rows["sqnr_db"] == rows["agreement"] == "simulated"
    assert {rows[n] for n in ("latency_p50_ms", "latency_p99_ms", "energy_mj")} == {"predicted"}
    assert "measured" not in {v for n, v in rows.items() if n not in ("size_mb",)}
    assert report.variants[0].latency_ms == ()
    assert report.verdict.value == "unproven"


@pytest.mark.parametrize(("latency_ms", "code"), [(5.0, 0), (50.0, 1)])
def test_the_device_s_figures_are_the_verdict(built, latency_ms, code, tmp_path, capsys) -> None:
    _, desk = built
    times = {"samples": [latency_ms] * 120}
    told, path = finished(desk, tmp_path, latency_ms=times, memory_peak_mb=120.0)
    assert "sm_87" in told["device"]["isa"]
    capsys.readouterr()
    ended = cli.run(["check", str(desk.kit.parent), "--measured", str(path), "--json"])
    found = json.loads(capsys.readouterr().out)
    verdicts = {c["name"]: c["verdict"] for c in found["checks"]}
    assert ended == code
    assert verdicts["latency_p99_ms"] == ("failed" if code else "passed")
    # Without labels nobody knows the accuracy, whose limit only informs.
    assert [n for n, v in verdicts.items() if v == "unproven"] == ["accuracy_drop_pp"]
    assert found["verdict"] == ("failed" if code else "passed")


def test_kit_and_artifact_allow_the_same_error(built, tmp_path) -> None:
    _, desk = built
    told, _ = finished(desk, tmp_path)
    assert told["golden_tolerance"] == read(desk.kit.parent).tolerance
