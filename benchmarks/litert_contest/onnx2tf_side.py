"""onnx2tf makes the float file of an ONNX model and, by TensorFlow's converter, the INT8 file."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from litert_contest.cost import spent

_SAMPLES = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""Pictures that it would download, to compare its layers with the model's."""
_FILES = {"fp32": "model_float32.tflite", "int8": "model_integer_quant.tflite"}


def convert(job: dict[str, Any]) -> dict[str, Any]:
    """The file of that precision, its ports float, from the same samples as ours."""
    import onnx2tf

    place = Path(sys.executable).parent
    os.environ["PATH"] = f"{place}{os.pathsep}{os.environ['PATH']}"  # it calls onnxsim by name
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        pictures = np.random.default_rng(0).random((20, 128, 128, 3), dtype=np.float32)
        np.save(_SAMPLES, pictures)
        given = _samples(job, Path(folder)) if job["precision"] == "int8" else {}
        with spent() as told:
            onnx2tf.convert(
                input_onnx_file_path=job["model"], output_folder_path=folder, batch_size=1,
                non_verbose=True, **given,
            )  # fmt: skip
        shutil.copy(Path(folder) / _FILES[job["precision"]], job["out"])
    return told


def _samples(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What it is told for INT8: pictures with their channels last, not scaled any more."""
    told = []
    with np.load(job["calibration"]) as held:
        for k, (name, rank) in enumerate(zip(job["inputs"], job["ranks"], strict=True)):
            rows = held[name] if held[name].ndim == rank else held[name][:, 0]
            if rank == 4:
                rows = rows.transpose(0, 2, 3, 1)
            np.save(folder / f"{k}.npy", rows)
            none = [1] * rank
            zero, one = np.zeros(none, np.float32), np.ones(none, np.float32)
            told.append([name, str(folder / f"{k}.npy"), zero.tolist(), one.tolist()])
    return {"output_integer_quantized_tflite": True, "custom_input_op_name_np_data_path": told}
