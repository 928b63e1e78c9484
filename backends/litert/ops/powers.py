"""Powers: XNNPACK computes squares and roots, which have operators of their own, but not POW."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.broadcast import aligned
from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.layout import Order
from mcompile.backends.litert.lowering import BYTES, Lowering
from mcompile.backends.litert.steps import Steps
from mcompile.backends.litert.tables import looked_up
from mcompile.backends.litert.walk import Walk

_POWERS = {2.0: "SQUARE", 0.5: "SQRT", -0.5: "RSQRT"}
_NEAR = 1e-6
"""As far as an exponent may be from -0.5 that was made a code."""


def _pow(walk: Walk, node: ir.Node) -> None:
    if walk.place.integers:
        _pow_of_codes(walk, node)
        return
    steps, power = Steps(walk), _power(walk, node)
    order, (base, raised) = aligned(walk, node.inputs)
    is_real = base.dtype == "float32"
    same = walk.shape(node.inputs[0]) == walk.shape(node.outputs[0])
    if is_real and same and power in _POWERS:
        steps(_POWERS[power], base, out=walk.make(order))
    elif same and power in (1.0, 2.0, 3.0):
        _product(steps, base, int(power), walk.make(order))
    elif is_real:
        steps("POW", base, steps.cast(raised, "float32"), out=walk.make(order))
    else:
        _pow_of_whole(walk, (base, raised), order)


def _power(walk: Walk, node: ir.Node) -> float | None:
    """The exponent where it is one number that is known."""
    found = walk.known(node.inputs[1])
    return None if found is None or found.size != 1 else float(found.reshape(-1)[0])


def _pow_of_whole(walk: Walk, pair: tuple[Tensor, Tensor], order: Order) -> None:
    """Numbers of up to 32 bits; of 64, the exponent alone, and only where it is constant."""
    steps, (base, raised) = Steps(walk), pair
    known = raised.dtype == "int32" or (raised.dtype == "int64" and raised.data is not None)
    if base.dtype not in ("int8", "uint8", "int16", "int32") or not known:
        raise steps.no_kernel("POW", f"{base.dtype} to the power of {raised.dtype}")
    made = steps("POW", steps.cast(base, "int32"), steps.cast(raised, "int32"))
    if made.dtype == base.dtype:
        steps.shaped(made, made.shape, walk.make(order))
    else:
        steps.cast(made, base.dtype, walk.make(order))


def _pow_of_codes(walk: Walk, node: ir.Node) -> None:
    """RSQRT has a kernel for codes and a square is a product; other powers are taken of reals."""
    assert node.inputs[0] is not None
    held, steps, power = walk.held(node.inputs[0]), Steps(walk), _power(walk, node)
    source, out = held.tensor, walk.make(held.order)
    if power is not None and abs(power + 0.5) < _NEAR and source.shape == out.shape:
        steps("RSQRT", source, out=out)
        return
    if power == 2.0 and source.shape == out.shape:
        steps("MUL", source, source, out=out)
        return
    if power is None:
        raise walk.place.refused("a power of codes that is not one constant")
    if source.dtype in BYTES:
        looked_up(walk, source, lambda x: np.power(x, power), out)
        return
    real = walk.scratch(source, source.shape, dtype="float32", quant=None)
    walk.draft.emit("DEQUANTIZE", [source], [real], "DequantizeOptions")
    raised = steps("POW", real, power)
    walk.draft.emit("QUANTIZE", [raised], [out], "QuantizeOptions")


def _product(steps: Steps, base: Tensor, power: int, out: Tensor) -> None:
    if power == 1:
        steps.shaped(base, out.shape, out)
        return
    total = base
    for _ in range(power - 2):
        total = steps("MUL", total, base)
    steps("MUL", total, base, out=out)


LOWERINGS = {"Pow": Lowering(_pow, integers=frozenset({"int8", "int16"}))}
