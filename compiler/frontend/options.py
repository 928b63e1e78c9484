"""What a user may say of a source: its inputs, the code that builds it, how far to trust it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mcompile.errors import UsageError
from mcompile.types import Dim, Feeds, Port

DTYPES = {
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F64": "float64",
    "I8": "int8",
    "U8": "uint8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "BOOL": "bool",
}
_INPUT = re.compile(r"(?:(?P<name>[^=\[\]]+)=)?(?P<dtype>\w+)\[(?P<dims>[^\[\]]*)\]")
_EXAMPLE = '--input "F32[1,3,224,224]", or --input "image=F32[N,3,224,224]" for a free batch size'


@dataclass(frozen=True)
class CaptureOptions:
    """How to read a source; `examples` is one real sample and stands in for missing `inputs`."""

    name: str = ""
    inputs: tuple[Port, ...] = ()
    arch: str = ""
    arch_args: Mapping[str, object] = field(default_factory=dict)
    trust_code: bool = False
    opset: int | None = None
    examples: Feeds | None = None


def parse_input(text: str) -> Port:
    """The port behind `[NAME=]F32[1,3,224,224]`; a word in the shape is a free dimension.

    The name is empty where none was given. Raises `UsageError`.
    """
    found = _INPUT.fullmatch(text.strip())
    if found is None:
        raise UsageError("an input is a type and a shape", where=f"--input {text}", fix=_EXAMPLE)
    dtype = DTYPES.get(found["dtype"].upper())
    if dtype is None:
        raise UsageError(
            f"{found['dtype']} is not an element type",
            where=f"--input {text}",
            fix=f"one of {' '.join(DTYPES)}",
        )
    dims = [d.strip() for d in found["dims"].split(",")] if found["dims"].strip() else []
    return Port((found["name"] or "").strip(), dtype, tuple(_dim(d, text) for d in dims))


def show(port: Port) -> str:
    """The port as a user would type it: `image=F32[N,3,224,224]`."""
    dtype = next((k for k, v in DTYPES.items() if v == port.dtype), port.dtype)
    shape = f"{dtype}[{','.join(map(str, port.shape))}]"
    return f"{port.name}={shape}" if port.name else shape


def _dim(text: str, whole: str) -> Dim:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    if text.isidentifier():
        return text
    raise UsageError(
        f"{text or 'nothing'} is not a dimension",
        where=f"--input {whole}",
        fix="a whole number above zero, or a word such as N for a dimension that is free",
    )
