"""Kits that are what was written, and kits that are not."""

from __future__ import annotations

import pytest

from mcompile.backends.tensorrt.device.faults import KitError
from mcompile.backends.tensorrt.device.kit import read_kit, verify_files

from .desk import lay


def test_the_facts(tmp_path):
    kit = read_kit(str(lay(tmp_path).kit))
    assert (kit.precision, kit.compute_capability, kit.workspace_mb) == ("int8", "8.7", 256.0)
    verify_files(kit)


@pytest.mark.parametrize(
    ("file", "content", "what"),
    [
        ("kit.json", None, "kit.json cannot be read"),
        ("kit.json", b"{", "kit.json is damaged"),
        ("kit.json", b"[]", "kit.json is damaged"),
        ("kit.json", b'{"schema": 1}', "kit.json is damaged: KeyError"),
        ("kit.json", b'{"schema": 2}', "kit.json is of schema 2"),
        ("model.onnx", None, "model.onnx is missing"),
        ("model.onnx", b"another", "model.onnx is damaged"),
        ("golden.npz", None, "golden.npz is missing"),
    ],
)
def test_damage_is_named(tmp_path, file, content, what):
    desk = lay(tmp_path)
    (desk.kit / file).unlink()
    if content is not None:
        (desk.kit / file).write_bytes(content)
    with pytest.raises(KitError, match=what) as caught:
        verify_files(read_kit(str(desk.kit)))
    assert caught.value.code == 7


def test_a_damaged_kit_ends_the_script(tmp_path):
    desk = lay(tmp_path)
    with open(desk.kit / "model.onnx", "ab") as file:
        file.write(b"more")
    ran = desk.run()
    assert ran.returncode == 7
    assert ran.stderr.startswith("error: model.onnx is damaged: its checksum differs\n  in   ")
    assert not (desk.kit / "model.engine").exists()
