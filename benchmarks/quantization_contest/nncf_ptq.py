"""NNCF's post-training quantization, on ONNX models and on OpenVINO's own form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nncf
import onnx
import openvino
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix

from quantization_contest.data import Table, table


def make(job: dict[str, Any]) -> dict[str, Any]:
    """Write a QDQ model or an IR, by `form`."""
    samples = table(Path(job["calibration"]), Path(job["model"]))
    write = _onnx if job["form"] == "onnx" else _ir
    write(Path(job["model"]), samples, Path(job["out"]), _settings(job, len(samples)))
    return {}


def _settings(job: dict[str, Any], count: int) -> dict[str, Any]:
    settings: dict[str, Any] = {"subset_size": count}
    if "preset" in job:
        settings["preset"] = nncf.QuantizationPreset[job["preset"]]
    if "type" in job:
        settings["model_type"] = nncf.ModelType[job["type"]]
    if "bias" in job:
        settings["fast_bias_correction"] = job["bias"] == "FAST"
    if "overflow" in job:
        fix = OverflowFix[job["overflow"]]
        settings["advanced_parameters"] = AdvancedQuantizationParameters(overflow_fix=fix)
    return settings


def _onnx(source: Path, samples: Table, out: Path, settings: dict[str, Any]) -> None:
    feeds = nncf.Dataset(list(samples.each()))
    onnx.save(nncf.quantize(onnx.load(source), feeds, **settings), out)


def _ir(source: Path, samples: Table, out: Path, settings: dict[str, Any]) -> None:
    feeds = nncf.Dataset([list(f.values()) for f in samples.each()])
    made = nncf.quantize(openvino.Core().read_model(source), feeds, **settings)
    openvino.save_model(made, out, compress_to_fp16=False)
