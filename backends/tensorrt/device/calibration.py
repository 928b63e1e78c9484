"""Implicit INT8: a calibrator that has no data, only the table that the kit brought."""

from typing import Any, Sequence

from mcompile.backends.tensorrt.device.versions import digits


def table(version: str, body: bytes) -> bytes:
    """The calibration cache: the line that names this TensorRT, then a line for each tensor.

    TensorRT ignores a table whose first line names another version, so the device writes it.
    """
    return f"TRT-{digits(version)}-EntropyCalibration2\n".encode() + body


def calibrator(trt: Any, cache: bytes) -> Any:
    """An `IInt8EntropyCalibrator2` that gives `cache` and no batches."""

    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)
            self.asked = False

        def get_batch_size(self) -> int:
            return 1

        def get_batch(self, _names: Sequence[str]) -> None:
            """No data: TensorRT asks for it only where it did not take the table."""
            self.asked = True

        def read_calibration_cache(self) -> bytes:
            return cache

        def write_calibration_cache(self, cache: Any) -> None:
            """Nothing is kept: the kit's table stays as it is."""

    return Calibrator()
