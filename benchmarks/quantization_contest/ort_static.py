"""`onnxruntime.quantization.quantize_static`, prepared as its documentation asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from quantization_contest.data import Arrays, table

_TYPES = {"u8": QuantType.QUInt8, "s8": QuantType.QInt8}


class Reader(CalibrationDataReader):
    """One sample after the other."""

    def __init__(self, model: Path, samples: Path) -> None:
        self._feeds = table(samples, model).each()

    def get_next(self) -> Arrays | None:
        """The next sample, nothing after the last."""
        return next(self._feeds, None)


def make(job: dict[str, Any]) -> dict[str, Any]:
    """Write the QDQ model; says so where the preparation failed and was left out."""
    source, out = Path(job["model"]), Path(job["out"])
    prepared, told = out.with_name("prepared.onnx"), {}
    try:
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    except Exception as error:  # whatever its passes raise
        prepared, told = source, {"says": [f"not prepared: {str(error)[:200]}"]}
    quantize_static(
        str(prepared), str(out), Reader(source, Path(job["calibration"])),
        quant_format=QuantFormat.QDQ, per_channel=job["channel"], reduce_range=job["reduced"],
        activation_type=_TYPES[job["types"][:2]], weight_type=_TYPES[job["types"][2:]],
        calibrate_method=CalibrationMethod[job["method"]],
    )  # fmt: skip
    out.with_name("prepared.onnx").unlink(missing_ok=True)
    return told
