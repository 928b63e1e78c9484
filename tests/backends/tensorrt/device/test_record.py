"""`measured.json`, and the note beside an engine."""

from __future__ import annotations

import hashlib
import json
import platform

import pytest

from mcompile.backends.tensorrt.device.builder import Built
from mcompile.backends.tensorrt.device.faults import KitError
from mcompile.backends.tensorrt.device.kit import read_kit
from mcompile.backends.tensorrt.device.layers import Layers
from mcompile.backends.tensorrt.device.record import (
    Place,
    Run,
    read_note,
    record,
    write_note,
    write_record,
)
from mcompile.backends.tensorrt.device.steadiness import Steadiness
from mcompile.backends.tensorrt.device.timing import Times

from .desk import lay

MORE = {"tensorrt": "8.5.2", "build_s": 4.0, "workspace_mb": 64.0, "file": "m.engine",
        "layers": None, "command": "build_engine.py"}  # fmt: skip

EVEN = Steadiness(0, 0.0)


@pytest.fixture
def desk(tmp_path):
    return lay(tmp_path)


@pytest.fixture
def engine(desk):
    path = desk.kit / "m.engine"
    path.write_bytes(b"plan")
    write_note(str(path), read_kit(str(desk.kit)), Built(b"plan", b"", "explicit"), MORE)
    return path


def test_a_note_is_of_its_engine_and_kit(desk, engine):
    kit = read_kit(str(desk.kit))
    assert read_note(str(engine), kit)["mode"] == "explicit"
    engine.write_bytes(b"plan2")
    with pytest.raises(KitError, match="damaged, or of another kit"):
        read_note(str(engine), kit)
    engine.write_bytes(b"plan")
    desk.facts(sha256="0")
    with pytest.raises(KitError, match="damaged, or of another kit"):
        read_note(str(engine), read_kit(str(desk.kit)))


@pytest.mark.parametrize("text", [None, "{", "[]", "{}"])
def test_a_note_that_is_not_there(desk, engine, text):
    note = engine.with_name("m.engine.json")
    note.unlink()
    if text:
        note.write_text(text)
    with pytest.raises(KitError, match="not known how the engine was built"):
        read_note(str(engine), read_kit(str(desk.kit)))


def test_what_is_known_is_told(desk, engine):
    kit = read_kit(str(desk.kit))
    run = Run(Times([2.0, 1.0], 5.25, (40.0, 42.5)), Layers(3, 2, 1, 1, 0), (0.01, 0.1), 12.5, EVEN)
    place = Place("Orin", ["asimd"], "Linux", "INA3221")
    write_record(
        str(desk.kit / "measured.json"), record(kit, read_note(str(engine), kit), place, run)
    )
    told = json.loads((desk.kit / "measured.json").read_text())
    assert told["artifact"] == {"sha256": kit.sha256}
    assert told["device"] == {
        "name": "Orin", "arch": platform.machine(), "isa": ["asimd", "sm_87"],
        "system": "Linux",
    }  # fmt: skip
    assert (told["runs"], told["latency_ms"]) == (2, {"samples": [2.0, 1.0]})
    assert (told["power_w"], told["temperature_c"]) == (5.25, [40.0, 42.5])
    assert (told["memory_peak_mb"], told["tool"]) == (12.5, "TensorRT 8.5.2, INA3221")
    assert (told["golden_error"], told["golden_tolerance"]) == (0.01, 0.1)
    assert told["engine"] == {
        "sha256": hashlib.sha256(b"plan").hexdigest(),
        "bytes": 4, "tensorrt": "8.5.2", "compute_capability": "8.7", "precision": "int8",
        "build_s": 4.0, "workspace_mb": 64.0, "mode": "explicit", "file": "m.engine",
        "int8_layers": 3, "fp16_layers": 2, "fp32_layers": 1, "layers": 7,
    }  # fmt: skip


def test_what_is_not_known_is_left_out(desk, engine):
    kit = read_kit(str(desk.kit))
    run = Run(Times([2.0], None, ()), None, (0.0, 0.1), None, EVEN)
    told = record(kit, read_note(str(engine), kit), Place("A10", [], "Linux", ""), run)
    assert not {"memory_peak_mb", "power_w", "temperature_c"} & set(told)
    assert "int8_layers" not in told["engine"]
    assert told["tool"] == "TensorRT 8.5.2"


def test_layers_that_do_not_say_are_not_counted_as_none(desk, engine):
    kit = read_kit(str(desk.kit))
    run = Run(Times([2.0], None, ()), Layers(0, 1, 0, 0, 1), (0.0, 0.1), None, EVEN)
    told = record(kit, read_note(str(engine), kit), Place("Orin", [], "Linux", ""), run)
    assert "int8_layers" not in told["engine"]
