from __future__ import annotations

from itertools import count
from types import SimpleNamespace

import pytest

from mcompile.backend import Executor
from mcompile.measure.energy import Nvml, energy, nvml, rapl

RANGE_UJ = 262_143_328_850


def zone(root, folder, name, microjoules, wrap=RANGE_UJ):
    path = root / folder
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    (path / "max_energy_range_uj").write_text(f"{wrap}\n")
    return path


class Burning(Executor):
    """Each run takes one second of `clock` and adds to the counters of `zones`."""

    def __init__(self, zones, microjoules):
        self.now, self.zones, self.step = 0, zones, microjoules

    def run(self, feeds):
        self.now += 1_000_000_000
        for path in self.zones:
            held = int((path / "energy_uj").read_text()) + self.step
            limit = int((path / "max_energy_range_uj").read_text())
            (path / "energy_uj").write_text(str(held % limit))
        return feeds

    def close(self):
        pass


def test_power_and_energy_are_those_of_the_packages(tmp_path):
    zones = [zone(tmp_path, f"intel-rapl:{k}", f"package-{k}", 5_000_000) for k in range(2)]
    burning = Burning(zones, 30_000_000)
    rows = energy(burning, {}, rapl(tmp_path), seconds=10, clock=lambda: burning.now)
    found = {m.name: m for m in rows}
    assert found["power_w"].value == pytest.approx(60.0)
    assert found["energy_mj"].value == pytest.approx(60_000.0)
    assert "RAPL" in found["power_w"].note


def test_a_counter_that_wraps_is_followed(tmp_path):
    path = zone(tmp_path, "intel-rapl:0", "package-0", RANGE_UJ - 45_000_000)
    burning = Burning([path], 20_000_000)
    rows = energy(burning, {}, rapl(tmp_path), seconds=5, clock=lambda: burning.now)
    assert int((path / "energy_uj").read_text()) < 200_000_000
    assert rows[0].value == pytest.approx(20.0)


def test_zones_within_a_package_and_its_twin_are_not_counted_again(tmp_path):
    package = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    others = [
        zone(tmp_path, "intel-rapl:0:0", "core", 0),
        zone(tmp_path, "intel-rapl-mmio:0", "package-0", 0),
        zone(tmp_path, "intel-rapl:1", "psys", 0),
    ]
    burning = Burning([package, *others], 10_000_000)
    rows = energy(burning, {}, rapl(tmp_path), seconds=3, clock=lambda: burning.now)
    assert rows[0].value == pytest.approx(10.0)


def test_no_counter_no_figure(tmp_path):
    assert rapl(tmp_path) is None
    assert energy(Burning([], 0), {}, None) == ()


def test_a_counter_that_cannot_be_read_is_none(tmp_path):
    path = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    (path / "energy_uj").unlink()
    assert rapl(tmp_path) is None


def test_a_counter_that_stands_still_has_measured_nothing(tmp_path):
    burning = Burning([zone(tmp_path, "intel-rapl:0", "package-0", 7)], 0)
    assert energy(burning, {}, rapl(tmp_path), seconds=3, clock=lambda: burning.now) == ()


def test_a_boards_counter_is_in_millijoules():
    ticks = count(0, 5_000)
    library = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=lambda _: next(ticks),
    )
    burning = Burning([], 0)
    rows = energy(burning, {}, Nvml(library), seconds=1, clock=lambda: burning.now)
    assert [m.value for m in rows] == [pytest.approx(5.0), pytest.approx(5000.0)]


@pytest.mark.parametrize("fails", ["init", "counter"])
def test_a_gpu_without_a_counter_is_none(monkeypatch, fails):
    class NVMLError(Exception):
        pass

    def refuse(*_):
        raise NVMLError

    library = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=refuse if fails == "init" else lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=refuse,
    )
    monkeypatch.setitem(__import__("sys").modules, "pynvml", library)
    assert nvml() is None
