"""What XNNPACK took of a file when it was loaded."""

from __future__ import annotations

from pathlib import Path

from mcompile.backends.litert import Litert
from mcompile.profile import Device, Target
from mcompile.types import Artifact, Precision
from tests.backends import models


def lowered(name: str, folder: Path) -> tuple[bytes, Litert, Artifact]:
    program, backend = models.build(name), Litert()
    target = Target("desk", "a desk", "litert", Precision.FP32, Device("x86_64"))
    artifact = backend.lower(program, target, folder)
    return (folder / "model.tflite").read_bytes(), backend, artifact


def test_what_the_delegate_took_lies_between_its_tensors(tmp_path: Path) -> None:
    _, backend, artifact = lowered("residual", tmp_path)
    own, *others = backend.coverage(artifact, tmp_path)
    assert (own.taken, own.parts, own.macs_percent) == (own.ops, 1, 100)
    assert [row.delegate for row in others][-1] == "Edge TPU"
    assert others[-1].taken == 0


def test_what_it_leaves_is_named(tmp_path: Path) -> None:
    _, backend, artifact = lowered("embedding", tmp_path)
    own = backend.coverage(artifact, tmp_path)[0]
    assert own.taken < own.ops
    assert "GATHER" in own.fallen
