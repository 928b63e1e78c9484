"""What NVIDIA's compiler says to a graph that is written for their other runtime."""

from __future__ import annotations

from pathlib import Path

from mcompile.backends.tensorrt_rtx import builder
from mcompile.backends.tensorrt_rtx.capabilities import PORTABLE, TURING, nearest
from mcompile.backends.tensorrt_rtx.compilation import Compiled, compiled
from mcompile.backends.tensorrt_rtx.layers import described
from mcompile.backends.tensorrt_rtx.reasons import has_none, limited_by_turing
from mcompile.errors import LoweringError
from mcompile.types import Program


def opinion(path: Path, source: Program, wanted: str | None) -> str:
    """In words, for the newest GPU that it compiles for and that is no newer than the wanted one.

    What its parser says where that one is older than all of them. It has fewer ops than TensorRT:
    one that it has nothing for is told, and refused by nobody. Raises `LoweringError` naming the
    node that was refused.
    """
    title = f"TensorRT-RTX {builder.version()}"
    try:
        return _told(title, path, source, wanted)
    except LoweringError as error:
        if not has_none(error):
            raise
        return f"{title} cannot tell: {error.where}"


def _told(title: str, path: Path, source: Program, wanted: str | None) -> str:
    found = nearest(wanted)
    if found is None:
        compiled(path, [], source)
        return f"{title} parsed it; it compiles for no GPU as old as {wanted}"
    found, made = _made(path, source, found)
    near = "" if found == wanted else ", the nearest that it compiles for"
    # On Turing it makes floats of integers, which the other runtime does not.
    told = "" if found == TURING else f": {described(made.products)}"
    return f"{title} compiled it for compute capability {found}{near}{told}"


def _made(path: Path, source: Program, wanted: str) -> tuple[str, Compiled]:
    """The GPU it was compiled for: the next one where this compiler alone is limited on Turing."""
    try:
        return wanted, compiled(path, [wanted], source)
    except LoweringError as error:
        if not limited_by_turing(error):
            raise
    return PORTABLE[0], compiled(path, PORTABLE[:1], source)
