"""What the kernels that move numbers about can be given."""

from __future__ import annotations

from collections.abc import Collection

from mcompile.backends.litert.draft import Tensor
from mcompile.backends.litert.walk import Walk

CODES = frozenset({"float32", "int8", "uint8", "int16", "int32", "int64"})
"""Types that nearly every kernel moves."""


def demand(walk: Walk, tensor: Tensor, types: Collection[str]) -> Tensor:
    """The tensor; raises `LoweringError` where the kernel does not move numbers of its type."""
    if tensor.dtype not in types:
        raise walk.place.refused(
            f"its kernel moves no {tensor.dtype}", "Cast to int32 or float32 before it"
        )
    return tensor
