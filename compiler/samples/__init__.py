"""Calibration and evaluation data from files, folders and Python, streamed and checked."""

from mcompile.samples.demands import check, require_labels
from mcompile.samples.opening import open_samples
from mcompile.samples.preprocess import PRESETS, Preprocess, load_preprocess

__all__ = [
    "PRESETS",
    "Preprocess",
    "check",
    "load_preprocess",
    "open_samples",
    "require_labels",
]
