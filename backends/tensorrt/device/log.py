"""What TensorRT says: its errors, and the lines that describe an engine's layers."""

from typing import Any, List


def recorder(trt: Any) -> Any:
    """A logger that prints nothing and keeps `errors`, `warnings` and `layers` as lists of text."""

    class Recorder(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: List[str] = []
            self.warnings: List[str] = []
            self.layers: List[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR):
                self.errors.append(message)
            elif severity == trt.ILogger.Severity.WARNING:
                self.warnings.append(message)
            self.layers += [x for x in message.split("\n") if x.startswith("Layer(")]

    return Recorder()
