"""What a device says is read whole, or refused."""

from __future__ import annotations

import json

import pytest

from mcompile.errors import ContractError
from mcompile.protocol import read_record

SAID = {
    "schema": 1,
    "artifact": {"sha256": "00"},
    "device": {"name": "Orin", "arch": "aarch64", "isa": ["asimd", "sm_87"]},
    "runs": 3,
    "latency_ms": {"samples": [2.0, 1.0, 3.0]},
    "engine": {"tensorrt": "8.5.2", "compute_capability": "8.7", "int8_layers": 21, "build_s": 9.5},
    "golden_error": 0.01,
}


def written(folder, **changed):
    path = folder / "measured.json"
    path.write_text(json.dumps(SAID | changed))
    return path


def test_an_engine_is_read_with_the_figures(tmp_path) -> None:
    record = read_record(written(tmp_path))
    assert record.engine is not None
    assert (record.engine.tensorrt, record.engine.int8_layers) == ("8.5.2", 21)
    assert record.latency_ms.known()[50] == 2.0
    assert record.latency_ms.average() == 2.0
    assert record.golden_error == 0.01


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"schema": 2}, "of schema 2"),
        ({"runs": 0}, "damaged"),
        ({"runs": 4}, "3 samples of 4 runs"),
        ({"golden_error": -1.0}, "damaged"),
        ({"engine": {"tensorrt": "8.5.2"}}, "damaged"),
        ({"engine": SAID["engine"] | {"int8_layers": -1}}, "damaged"),
        ({"latency_ms": {"p50": 2.0, "p90": 1.0}}, "do not grow"),
        ({"latency_ms": {"min": 1.0, "max": 2.0, "mean": 5.0}}, "outside of its percentiles"),
        ({"latency_ms": {}}, "neither samples nor percentiles"),
        ({"device": {"name": "", "arch": "aarch64"}}, "no name or arch"),
    ],
)
def test_what_is_damaged_or_contradicts_is_refused(tmp_path, changed, words) -> None:
    with pytest.raises(ContractError, match=words):
        read_record(written(tmp_path, **changed))


def test_a_missing_file_is_refused(tmp_path) -> None:
    with pytest.raises(ContractError, match="cannot be read"):
        read_record(tmp_path / "measured.json")
