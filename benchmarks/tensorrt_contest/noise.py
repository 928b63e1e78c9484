"""How much noise integers leave in the outputs, as a share of the power of the float ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from mcompile.types import Array

_MOST_DB = 200.0


def noise(
    found: Sequence[Mapping[str, Array]],
    wanted: Sequence[Mapping[str, Array]],
    names: Sequence[str],
) -> float:
    """The mean over those outputs of the error's power by the output's, each over all samples."""
    return float(np.mean([_share(found, wanted, name) for name in names]))


def decibel(share: float) -> float:
    """Signal to noise in dB, at most 200."""
    return _MOST_DB if share < 10 ** (-_MOST_DB / 10) else -10.0 * math.log10(share)


def _share(
    found: Sequence[Mapping[str, Array]], wanted: Sequence[Mapping[str, Array]], name: str
) -> float:
    signal = error = 0.0
    for got, want in zip(found, wanted, strict=True):
        exact = want[name].astype(np.float64)
        signal += float(np.square(exact).sum())
        error += float(np.square(exact - got[name]).sum())
    return error / max(signal, 1e-30) if math.isfinite(error) else 1e20
