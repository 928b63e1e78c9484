"""Engines are told by their first bytes, without the runtime that made them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from mcompile.errors import ContractError
from mcompile.plans import Plan, demand, instructions, read
from mcompile.profile import Device
from mcompile.types import Contract

BODY = bytes(200)


def classic(version=(8, 6, 1, 6)) -> bytes:
    return b"ftrt" + bytes(20) + bytes(version) + bytes(36) + BODY


def older(serialization: int) -> bytes:
    return (b"ftrt" + bytes(4) + struct.pack("<Q", serialization)).ljust(64, b"\0") + BODY


def rtx(version=(1, 7, 1, 116), mask=0x08, *, layout=2, size=None, second=b"vtrt") -> bytes:
    size = 64 + len(BODY) if size is None else size
    head = struct.pack("<4sIQQ4B4sI", b"vtrt", 0, layout, size, *version, second, mask)
    return head.ljust(64, b"\0") + BODY


def contract(runtime="tensorrt_rtx", version=">=1.7,<2", sm="sm_89") -> Contract:
    return Contract(runtime, version, "x86_64", ("avx2", sm))


def test_a_classic_plan_tells_its_version() -> None:
    assert read(classic(), "m") == Plan("tensorrt", "8.6.1.6")


@pytest.mark.parametrize(
    ("number", "version"), [(205, "8.2.1"), (213, "8.4.3"), (232, "8.5.3"), (190, "")]
)
def test_an_older_plan_tells_its_serialization(number, version, tmp_path) -> None:
    assert read(older(number), "m") == Plan("tensorrt", version)
    (tmp_path / "m.engine").write_bytes(older(190))
    assert demand(tmp_path / "m.engine", contract("tensorrt", "==8.0.1")).version == ""


@pytest.mark.parametrize(
    ("mask", "capabilities"),
    [(0x01, ("7.5",)), (0x10, ("12.0",)), (0x2A, ("8.0", "8.9", "12.1"))],
)
def test_an_rtx_engine_tells_its_version_and_capabilities(mask, capabilities) -> None:
    assert read(rtx(mask=mask), "m") == Plan("tensorrt_rtx", "1.7.1.116", capabilities)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no TensorRT engine"),
        (b"PK\3\4" + BODY, "no TensorRT engine"),
        (classic()[:40], "cut short: 40 bytes"),
        (rtx()[:-7], "cut short: 257 of 264 bytes"),
        (rtx() + b"x", "cut short: 265 of 264 bytes"),
        (rtx(mask=0), "header is damaged"),
        (rtx(mask=0x40), "header is damaged"),
        (rtx(layout=3), "header is damaged"),
        (rtx(second=b"ftrt"), "header is damaged"),
    ],
)
def test_what_is_damaged_or_foreign_is_refused(data, words) -> None:
    with pytest.raises(ContractError, match=words):
        read(data, "m")


@pytest.mark.parametrize(
    ("data", "held", "words"),
    [
        (rtx(), contract("tensorrt"), "engine of TensorRT-RTX, not TensorRT"),
        (classic(), contract(), "engine of TensorRT, not TensorRT-RTX"),
        (rtx(), contract(version=">=1.8"), "built by TensorRT-RTX 1.7.1.116, and >=1.8 is needed"),
        (classic((10, 3, 0, 30)), contract("tensorrt", "==8.2.1"), "built by TensorRT 10.3.0.30"),
        (rtx(mask=0x21), contract(), "capability 7.5, 12.1, not 8.9"),
    ],
)
def test_an_engine_that_is_not_the_contract_s_is_refused(data, held, words, tmp_path) -> None:
    (tmp_path / "model.engine").write_bytes(data)
    with pytest.raises(ContractError, match=words):
        demand(tmp_path / "model.engine", held)


def test_an_engine_of_the_contract_is_taken(tmp_path) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(rtx())
    assert demand(path, contract()).capabilities == ("8.9",)
    path.write_bytes(classic((8, 5, 2, 2)))
    assert demand(path, contract("tensorrt", ">=8.5,<11", "sm_87")).version == "8.5.2.2"


def test_a_missing_engine_is_a_contract_error() -> None:
    with pytest.raises(ContractError, match="cannot be read"):
        demand(Path("nowhere.engine"), contract())


def test_a_device_s_capability_is_one_of_its_instruction_sets() -> None:
    device = Device("aarch64", ("asimd",), compute_capability="8.7")
    assert instructions(device) == ("asimd", "sm_87")
    assert instructions(Device("x86_64", ("avx2",))) == ("avx2",)


def test_a_contract_of_no_version_is_damaged(tmp_path) -> None:
    (tmp_path / "model.engine").write_bytes(rtx())
    with pytest.raises(ContractError, match="contract is damaged: newest"):
        demand(tmp_path / "model.engine", contract(version="newest"))
