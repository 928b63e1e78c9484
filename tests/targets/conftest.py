"""A small correct profile, and a way to write it with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mcompile.errors import CompileError

CORRECT = """\
backend = "onnxruntime"
precision = "fp32"

[device]
arch = "x86_64"
memory_mb = 4096

[legality]
fp32 = "native"
fp16 = { falls_back_to = "fp32", because = "it has no half precision", source = "its data sheet" }
bf16 = "illegal"
int8 = "native"
int8-dynamic = { status = "emulated", because = "it is slow" }
int8-weights = "native"
int4-weights = "native"
int16x8 = "illegal"

[budgets]
latency_p99_ms = 100
size_mb = 20
soft = ["size_mb"]
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes the correct profile, `old` replaced by `new`, and returns its path from here."""
    monkeypatch.chdir(tmp_path)

    def _write(old: str = "", new: str = "", name: str = "pi.toml") -> str:
        assert old in CORRECT
        Path(name).write_text(CORRECT.replace(old, new) if old else CORRECT + new)
        return name

    return _write


@pytest.fixture
def said() -> Callable[..., str]:
    """The three lines that a call ends with."""

    def _said(call: Callable[..., object], *args: object) -> str:
        with pytest.raises(CompileError) as caught:
            call(*args)
        assert caught.value.code == 2
        return str(caught.value)

    return _said
