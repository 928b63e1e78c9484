"""Small seeded networks in a module of their own, and files of every kind made from them."""

from __future__ import annotations

import importlib
import pickle
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import onnx
import pytest

from mcompile.frontend.format import Source, look

NETS = """
    import torch

    class Tiny(torch.nn.Module):
        def __init__(self, classes=2):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 4, 3)
            self.head = torch.nn.Linear(4, classes)

        def forward(self, image):
            return self.head(self.conv(image).relu().mean((2, 3)))

    class Pair(torch.nn.Module):
        def forward(self, left, right):
            return left - 2 * right

    class Branching(torch.nn.Module):
        def forward(self, x):
            return x + 1 if x.sum() > 0 else x - 1

    class Fixed(torch.nn.Module):
        def forward(self, x):
            return x.reshape(2, 3) * 2

    def tiny(classes=2):
        return Tiny(classes)

    def broken():
        raise RuntimeError("no such weights")

    def nothing():
        return None

    ready = Tiny()
    number = 3
"""
CREATES = "created-by-a-pickle"


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The networks as an importable module with a name that no other test uses."""
    name = f"nets_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / f"{name}.py").write_text(textwrap.dedent(NETS))
    monkeypatch.syspath_prepend(str(folder))
    import torch

    torch.manual_seed(1)
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


class Creates:
    """Unpickles into a file: what a malicious model would do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Creates]:
    """An object whose unpickling creates a file; no test may end with that file there."""
    path = tmp_path / CREATES
    yield Creates(path)
    assert not path.exists(), "a pickle was run"


@pytest.fixture
def looked(tmp_path: Path) -> Callable[[bytes], Source]:
    """A source from bytes, under a name that says nothing."""

    def write(data: bytes) -> Source:
        path = tmp_path / "model.bin"
        path.write_bytes(data)
        return look(path)

    return write


def bare(value: object, protocol: int = 2) -> bytes:
    """A pickle that `torch.save` did not write."""
    return pickle.dumps(value, protocol)


@pytest.fixture
def affine() -> onnx.ModelProto:
    """y = x @ w + b with a free batch size, at opset 17."""
    return onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]>
        affine (float[N, 3] x) => (float[N, 2] y)
        <float[3, 2] w = {1, 2, 3, 4, 5, 6}, float[2] b = {1, -1}>
        { m = MatMul(x, w)
          y = Add(m, b) }"""
    )
