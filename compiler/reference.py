"""What the untouched program computes, and how far from it an edited one may be.

Equal means: same shapes and types; NaN and infinities in the same places; floats within a relative
error of the largest output *and* within a share of the output's power, both by the width of the
type (float32: 1e-4 of the maximum, 60 dB); integers and booleans the same. A model may magnify
rounding, so the reference is run a second time with every float input moved by its last bit: what
the model makes of that, eight times over, is allowed as well, up to 1 % of the maximum, and an
integer (an argmax, say) that flips by it decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mcompile.oracle import RANDOM, Oracle, unknown_ops
from mcompile.types import Array, Dim, Feeds, Port, Program

_RELATIVE = {8: 1e-9, 4: 1e-4, 2: 5e-3}
_ABSOLUTE = 1e-6
_MAGNIFIED = 8.0
_AT_MOST = 5e-2
_SIZES = ((2, 8), (1, 8), (1, 64), (1, 224), (2, 1))


@dataclass(frozen=True)
class Reference:
    """Inputs, what the oracle makes of them, and what it makes of them moved by a last bit.

    Where `unproven` says why, there is nothing to compare with, and only the form of a program
    can be checked; where it does not run at all, not even a runtime can say whether it is one.
    """

    feeds: tuple[Feeds, ...] = ()
    outputs: tuple[Feeds, ...] = ()
    moved: tuple[Feeds, ...] = ()
    unproven: str = ""
    runs: bool = True

    def rows(self) -> Iterator[tuple[Feeds, Feeds, Feeds]]:
        """One (feeds, outputs, moved outputs) for each input."""
        return zip(self.feeds, self.outputs, self.moved, strict=True)


def reference(program: Program, feeds: Sequence[Feeds] = (), seed: int = 0) -> Reference:
    """Run the untouched program on two seeded random inputs and on `feeds`.

    Dynamic dimensions are given small sizes, the first that the program accepts. Raises
    `SourceError` where the program cannot be loaded at all.
    """
    if drawn := {n.op_type for n in program.graph.graph.all_nodes()} & RANDOM:
        return Reference(unproven=f"it draws random numbers ({', '.join(sorted(drawn))})")
    if foreign := unknown_ops(program):
        return Reference(unproven=f"nothing here can run {', '.join(foreign)}", runs=False)
    oracle = Oracle(program)
    reason = ""
    for batch, other in _SIZES:
        try:
            made = [random_feeds(program, seed + k, batch, other) for k in range(2)]
            return _held(oracle, (*feeds, *made))
        except Exception as error:  # onnxruntime raises a dozen unrelated classes
            reason = f"no input fits: {_first_line(error)}"
    try:
        return _held(oracle, feeds) if feeds else Reference(unproven=reason)
    except Exception as error:  # as above
        return Reference(unproven=f"it does not run: {_first_line(error)}")


def _held(oracle: Oracle, feeds: Sequence[Feeds]) -> Reference:
    outputs = tuple(oracle.run(f) for f in feeds)
    moved = tuple(oracle.run({n: _moved(a) for n, a in f.items()}) for f in feeds)
    again = oracle.run(feeds[0])
    if any(difference(again[n], a, moved[0][n]) for n, a in outputs[0].items()):
        return Reference(unproven="it gives something else each time it runs")
    return Reference(tuple(feeds), outputs, moved)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _moved(data: Array) -> Array:
    up: Array = np.nextafter(data, np.array(np.inf, data.dtype)) if data.dtype.kind == "f" else data
    return up


def random_feeds(program: Program, seed: int, batch: int = 2, other: int = 8) -> Feeds:
    """Seeded inputs: normal floats, integers of 0 and 1 (indices stay valid), whole-range bytes.

    A dynamic dimension is `batch` where it leads a shape, and `other` elsewhere.
    """
    rng = np.random.default_rng(seed)
    leading = {p.shape[0] for p in program.inputs if p.shape and isinstance(p.shape[0], str)}

    def size(dim: Dim) -> int:
        return dim if isinstance(dim, int) else batch if dim in leading else other

    return {p.name: _random(rng, p, tuple(size(d) for d in p.shape)) for p in program.inputs}


def _random(rng: np.random.Generator, port: Port, shape: tuple[int, ...]) -> Array:
    if port.dtype == "string":
        return np.full(shape, "a", object)
    dtype = np.dtype(port.dtype)
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    if dtype in (np.uint8, np.int8):
        found = np.iinfo(dtype)
        return rng.integers(found.min, found.max, shape, dtype, endpoint=True)
    return rng.integers(0, 2, shape).astype(dtype)


def difference(got: Array, want: Array, moved: Array) -> str:
    """How `got` differs from `want` by more than is allowed, in words; empty when it does not."""
    if (got.dtype, got.shape) != (want.dtype, want.shape):
        return f"{got.dtype}{list(got.shape)} in place of {want.dtype}{list(want.shape)}"
    if moved.shape != want.shape:
        moved = want
    if want.dtype.kind != "f":
        wrong = (got != want) & (moved == want)
        return f"{int(wrong.sum())} of {want.size} values differ" if wrong.any() else ""
    places = np.isfinite(want)
    same_elsewhere = np.array_equal(got[~places], want[~places], equal_nan=True)
    if not same_elsewhere or not np.isfinite(got[places]).all():
        return "NaN or infinity in other places"
    wide = want[places].astype(np.float64)
    noise = np.nan_to_num(moved[places].astype(np.float64) - wide, posinf=0.0, neginf=0.0)
    return _too_far(got[places] - wide, wide, noise, _RELATIVE[want.dtype.itemsize])


def _too_far(error: Array, want: Array, noise: Array, relative: float) -> str:
    if not want.size:
        return ""
    for measure, share in ((_largest, relative), (_rms, 10 * relative)):
        scale, found = measure(want), measure(error)
        floor = _ABSOLUTE if measure is _largest or not scale else 0.0
        allowed = max(share * scale + floor, min(_MAGNIFIED * measure(noise), _AT_MOST * scale))
        if found > allowed:
            return f"off by {found:.3g} where {allowed:.3g} is allowed ({measure.__name__[1:]})"
    return ""


def _largest(data: Array) -> float:
    return float(abs(data).max())


def _rms(data: Array) -> float:
    return float(np.sqrt(np.mean(np.square(data))))
