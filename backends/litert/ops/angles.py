"""Trigonometric and hyperbolic functions and their inverses, in terms of the few that are builtin.

    asin(x) = atan2(x, sqrt(1 - x^2))        asinh(x) = sign(x) * log(|x| + sqrt(x^2 + 1))
    acos(x) = atan2(sqrt(1 - x^2), x)        acosh(x) = log(x + sqrt(x^2 - 1))
    atan(x) = atan2(x, 1)                    atanh(x) = log((1 + x) / (1 - x)) / 2

Errors against float64 are below 1e-6 of the largest result, those near 0 of sinh, asinh and atanh
below 1e-7 in all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.lowering import Lowering
from mcompile.backends.litert.steps import Steps
from mcompile.backends.litert.tables import Curve, plain, tabled
from mcompile.backends.litert.walk import Walk

_Curve = Callable[[Steps, Tensor, Tensor], object]


def _alone(curve: _Curve, known: Curve) -> Lowering:
    def write(walk: Walk, node: ir.Node) -> None:
        if node.inputs[0] is None:
            raise walk.place.refused("its input is left out")
        held, steps = walk.held(node.inputs[0]), Steps(walk)
        if held.tensor.dtype != "float32":
            raise steps.no_kernel("SIN", held.tensor.dtype)
        curve(steps, held.tensor, walk.make(held.order))

    return tabled(write, plain(known))


def _one(steps: Steps, like: Tensor) -> Tensor:
    """1 in that shape, which ATAN2 does not spread."""
    return steps("ADD", steps("MUL", steps("SIGN", like), 0.0), 1.0)


def _beside(steps: Steps, x: Tensor) -> Tensor:
    """sqrt(1 - x^2)"""
    return steps("SQRT", steps("ADD", steps("NEG", steps("SQUARE", x)), 1.0))


def _tan(steps: Steps, x: Tensor, out: Tensor) -> None:
    steps("DIV", steps("SIN", x), steps("COS", x), out=out)


def _asin(steps: Steps, x: Tensor, out: Tensor) -> None:
    steps("ATAN2", x, _beside(steps, x), out=out)


def _acos(steps: Steps, x: Tensor, out: Tensor) -> None:
    steps("ATAN2", _beside(steps, x), x, out=out)


def _atan(steps: Steps, x: Tensor, out: Tensor) -> None:
    steps("ATAN2", x, _one(steps, x), out=out)


def _cosh(steps: Steps, x: Tensor, out: Tensor) -> None:
    both = steps("ADD", steps("EXP", x), steps("EXP", steps("NEG", x)))
    steps("MUL", both, 0.5, out=out)


def _sinh(steps: Steps, x: Tensor, out: Tensor) -> None:
    both = steps("SUB", steps("EXP", x), steps("EXP", steps("NEG", x)))
    steps("MUL", both, 0.5, out=out)


def _asinh(steps: Steps, x: Tensor, out: Tensor) -> None:
    root = steps("SQRT", steps("ADD", steps("SQUARE", x), 1.0))
    size = steps("LOG", steps("ADD", steps("ABS", x), root))
    steps("MUL", steps("SIGN", x), size, out=out)


def _acosh(steps: Steps, x: Tensor, out: Tensor) -> None:
    root = steps("SQRT", steps("ADD", steps("SQUARE", x), -1.0))
    steps("LOG", steps("ADD", x, root), out=out)


def _atanh(steps: Steps, x: Tensor, out: Tensor) -> None:
    above, below = steps("ADD", x, 1.0), steps("ADD", steps("NEG", x), 1.0)
    steps("MUL", steps("LOG", steps("DIV", above, below)), 0.5, out=out)


LOWERINGS = {
    "Acos": _alone(_acos, np.arccos),
    "Acosh": _alone(_acosh, np.arccosh),
    "Asin": _alone(_asin, np.arcsin),
    "Asinh": _alone(_asinh, np.arcsinh),
    "Atan": _alone(_atan, np.arctan),
    "Atanh": _alone(_atanh, np.arctanh),
    "Cosh": _alone(_cosh, np.cosh),
    "Sinh": _alone(_sinh, np.sinh),
    "Tan": _alone(_tan, np.tan),
}
