"""Quantizes one model with NVIDIA's Model Optimizer, in the environment that has it.

    python modelopt_side.py FLOAT.onnx CALIBRATION.npz max|entropy OUT.onnx

The archive holds whole feeds, stacked: sample after sample. Float stays float32, so that what is
compared is where pairs stand and what their scales are.
"""

import sys

import numpy as np
from modelopt.onnx.quantization import quantize
from onnxruntime.quantization.calibrate import CalibrationDataReader


class Stacked(CalibrationDataReader):
    """The feeds of an archive, one after the other, as often as they are asked for."""

    def __init__(self, path):
        with np.load(path) as held:
            columns = {name: held[name] for name in held.files}
        count = len(next(iter(columns.values())))
        self._feeds = [{n: a[k] for n, a in columns.items()} for k in range(count)]
        self.rewind()

    def get_next(self):
        """The next feeds; None behind the last."""
        return next(self._rest, None)

    def get_first(self):
        """The feeds by which shapes are found."""
        return self._feeds[0]

    def rewind(self):
        """Begin again."""
        self._rest = iter(self._feeds)


def main(model, calibration, method, out):
    """Write the model with its Q/DQ pairs."""
    quantize(
        model, quantize_mode="int8", calibration_data_reader=Stacked(calibration),
        calibration_method=method, calibration_eps=["cpu"], high_precision_dtype="fp32",
        output_path=out, log_level="ERROR",
    )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
