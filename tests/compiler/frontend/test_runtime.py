import importlib.metadata
import logging
import os
import warnings

import pytest
import torch

from mcompile.errors import SourceError
from mcompile.frontend import runtime


@pytest.mark.parametrize("version", ["1.13.1", "2.5.1+cu121", "2.5"])
def test_an_old_torch_is_refused(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    with pytest.raises(SourceError, match="too old to open models safely"):
        runtime.require_torch()


@pytest.mark.parametrize("version", ["2.6.0", "2.10.0.dev20260101+cpu", "3.0"])
def test_a_recent_torch_is_accepted(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    runtime.require_torch()


def test_a_missing_torch_is_said(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(SourceError, match="needs PyTorch"):
        runtime.require_torch()


def test_quiet_keeps_stdout_for_the_report(capsys):
    with runtime.quiet():
        print("progress of an exporter")
        warnings.warn("of no use to a user", stacklevel=1)
        logging.getLogger("torch.onnx").error("torchvision is not installed")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "progress" in captured.err
    assert "torchvision" not in captured.err
    assert logging.root.manager.disable == logging.NOTSET


def test_objects_are_not_unpickled_even_where_torch_asks_for_it(tmp_path, trap, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    torch.save(trap, tmp_path / "m.pt")
    with runtime.tensors_only(), pytest.raises(Exception, match="Weights only load failed"):
        torch.load(tmp_path / "m.pt", weights_only=False)
    assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "1"
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_the_first_line_is_the_innermost_cause():
    outer = RuntimeError("a long story")
    outer.__cause__ = ValueError("\n\x1b[31mthe reason\x1b[0m\nmore")
    assert runtime.first_line(outer) == "the reason"
    assert (
        runtime.first_line(ValueError("conflicts:\n  - L['x'] is 2")) == "conflicts: - L['x'] is 2"
    )
    assert runtime.first_line(KeyError()) == "KeyError"
