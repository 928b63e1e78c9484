"""The integers of a layer's weight that leave its output, not its weight, nearest to the float one.

    min over q of  sum over rows of (y - s q x)^2        y = W x of the float program

where x is what the quantized program reads there, noise of the layers before it included. First
the real weight that would be best for such x, pulled to the old one by a ridge,

    W* = W + (C - W H) (H + r)^-1                         H = sum x^T x,  C = sum y^T x

then its integers one input after the other, each taking over the error of those before it: with
H + r = L L^T, from the last row of L to the first,

    q_j = round(t_j + sum over i > j of L_ij (t_i - q_i) / L_jj)        t = W* / s

(Frantar et al., GPTQ, arXiv:2210.17323; Nagel et al., AdaRound, arXiv:2004.10568.) Each of the two
steps is taken only where it leaves less error on rows of samples that it was not fitted to: a few
samples say little about a wide layer.

Where two neighbours are summed in a saturating int16, the same-sign part of no pair may exceed 128:
255 * 128 < 2^15. The second of a pair to be rounded keeps to what the first has left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcompile.quantize.gram import Moments
from mcompile.quantize.seen import Positions
from mcompile.types import Array

_LIMIT = 127
_PAIR = 128
_DAMPING = 0.01
_LEAST_GAIN = 0.01
_WIDE = 512


@dataclass(frozen=True)
class Effort:
    """How much is spent on a layer: positions that are looked at, and ridges that are tried.

    A ridge is a share of the mean power of an input. Wide layers with fewer rows than inputs are
    not regressed, and are not fitted again to all rows, unless `wide` says so.
    """

    positions: Positions
    ridges: tuple[float, ...]
    wide: bool = False


QUICK = Effort(Positions(8, 512, 2048), (0.03, 0.3, 3.0))
THOROUGH = Effort(Positions(64, 2048, 16384), (0.03, 0.1, 0.3, 1.0, 3.0, 10.0), wide=True)


@dataclass(frozen=True)
class Layer:
    """A real weight [groups, outputs, inputs], the scales beside it, whether pairs are bound."""

    weight: Array
    scale: Array
    pairs: bool = False

    def nearest(self) -> Array:
        """The integers nearest to the weight."""
        return np.clip(np.rint(self.weight / self.scale), -_LIMIT, _LIMIT)


def rounded(layer: Layer, fitted: Moments, held_out: Moments, effort: Effort) -> Array | None:
    """The integers of the layer, in the shape of its weight; None where the nearest ones are best.

    `held_out` are moments of other samples than `fitted`, which decide.
    """
    if not all(
        np.isfinite(m.inner).all() and np.isfinite(m.cross).all() for m in (fitted, held_out)
    ):
        return None
    plain = held_out.error(layer.nearest() * layer.scale)
    ridge, least = _best_ridge(layer, fitted, held_out, effort)
    if least > plain * (1.0 - _LEAST_GAIN):
        return None
    codes = _codes(layer, fitted, ridge)
    if held_out.error(codes * layer.scale) >= plain:
        return None
    narrow = layer.weight.shape[2] <= _WIDE
    return _codes(layer, fitted + held_out, ridge) if narrow or effort.wide else codes


def _best_ridge(
    layer: Layer, fitted: Moments, held_out: Moments, effort: Effort
) -> tuple[float | None, float]:
    """The ridge whose weight errs least where it was not fitted, None for the old weight."""
    found: tuple[float | None, float] = None, held_out.error(layer.weight)
    inputs = layer.weight.shape[2]
    if inputs > _WIDE and fitted.rows < inputs and not effort.wide:
        return found
    for ridge in effort.ridges:
        error = held_out.error(_regressed(layer.weight, fitted, ridge))
        if error < found[1] * (1.0 - _LEAST_GAIN):
            found = ridge, error
    return found


def _regressed(weight: Array, found: Moments, ridge: float) -> Array:
    left = (found.cross - weight @ found.inner).swapaxes(1, 2)
    moved = np.linalg.solve(_damped(found.inner, ridge), left).swapaxes(1, 2)
    return np.asarray((weight + moved).astype(np.float32))


def _damped(inner: Array, share: float) -> Array:
    """With that share of the mean power added to the power of each input."""
    more = share * np.einsum("gkk->gk", inner).mean(axis=1)
    more = np.where(more > 0.0, more, 1.0)
    return np.asarray(inner + more[:, None, None] * np.eye(inner.shape[1], dtype=inner.dtype))


def _codes(layer: Layer, found: Moments, ridge: float | None) -> Array:
    """Integers of the weight, or of the regressed one: that may go three steps, the former one."""
    real = layer.weight / layer.scale
    if ridge is None:
        low, high, target = np.floor(real), np.ceil(real), real
    else:
        target = _regressed(layer.weight, found, ridge) / layer.scale
        low, high = np.rint(real) - 3, np.rint(real) + 3
    bounds = np.maximum(low, -_LIMIT), np.minimum(high, _LIMIT)
    return _sequential(_damped(found.inner, _DAMPING), target, bounds, layer.pairs)


def _sequential(inner: Array, target: Array, bounds: tuple[Array, Array], pairs: bool) -> Array:
    """One input after the other, those of the largest power first."""
    order = np.argsort(np.einsum("gkk->k", inner))
    sorted_inner = inner[:, order][:, :, order].astype(np.float64)
    lower = np.linalg.cholesky(sorted_inner).astype(np.float32)
    codes = np.zeros(target.shape, np.float32)
    missed = np.zeros((len(inner), len(order), target.shape[1]), np.float32)
    for j in range(len(order) - 1, -1, -1):
        k = int(order[j])
        pull = (lower[:, None, j + 1 :, j] @ missed[:, j + 1 :])[:, 0] / lower[:, j, j, None]
        code = np.clip(np.rint(target[:, :, k] + pull), bounds[0][:, :, k], bounds[1][:, :, k])
        if pairs and k ^ 1 < len(order):
            other = codes[:, :, k ^ 1]
            code = np.clip(code, -_PAIR - np.minimum(other, 0), _PAIR - np.maximum(other, 0))
        codes[:, :, k] = code
        missed[:, j] = target[:, :, k] - code
    return codes
