"""What TensorRT says is kept by kind, and nothing is printed."""

from __future__ import annotations

from enum import IntEnum
from types import SimpleNamespace

from mcompile.backends.tensorrt.device.log import recorder


class Severity(IntEnum):
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class ILogger:
    def __init__(self):
        self.bound = True


ILogger.Severity = Severity


def test_errors_warnings_and_layers(capsys):
    log = recorder(SimpleNamespace(ILogger=ILogger))
    log.log(Severity.INTERNAL_ERROR, "assertion")
    log.log(Severity.ERROR, "wrong")
    log.log(Severity.WARNING, "careful")
    log.log(Severity.VERBOSE, "Engine Layer Information:\nLayer(Pooling): p\nLayer(Relu): r")
    assert log.bound
    assert (log.errors, log.warnings) == (["assertion", "wrong"], ["careful"])
    assert log.layers == ["Layer(Pooling): p", "Layer(Relu): r"]
    assert capsys.readouterr() == ("", "")
