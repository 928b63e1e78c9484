"""What an op family says of its ops. Every file in `ops/` has a table `LOWERINGS` of them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import onnx_ir as ir

from mcompile.backends.litert import ops

if TYPE_CHECKING:
    from mcompile.backends.litert.walk import Walk

Write = Callable[["Walk", ir.Node], None]


@dataclass(frozen=True)
class Lowering:
    """`write` emits a node. `fuses`: an activation behind it may become part of it, where said of
    such nodes as the function tells.

    `integers`: the activation types that its kernel has beside float32. `moves`: the output is
    made of the input's own codes, so both have one scale; where the plan's differ, the walk
    writes a QUANTIZE behind it. `hybrid`: its float kernel reads int8 weights.
    """

    write: Write
    fuses: bool | Callable[[ir.Node], bool] = False
    integers: frozenset[str] = frozenset()
    moves: bool = False
    hybrid: bool = False

    def may_fuse(self, node: ir.Node) -> bool:
        """Whether the node's operator computes an activation along with it."""
        return self.fuses(node) if callable(self.fuses) else self.fuses


BYTES = frozenset({"int8", "uint8"})
BOTH = BYTES | {"int16"}


@cache
def lowerings() -> Mapping[str, Lowering]:
    """Every op of the standard domain that can be written, by its name."""
    found: dict[str, Lowering] = {}
    for module in pkgutil.iter_modules(ops.__path__):
        found |= importlib.import_module(f"{ops.__name__}.{module.name}").LOWERINGS
    return found
