"""What a pickle would import, read from its opcodes without running one of them.

The names allowed are those that rebuild dense tensors, a part of what
`torch.load(weights_only=True)` accepts. Specification: `pickletools` in the standard library.
"""

from __future__ import annotations

import pickle
import pickletools
import re
from collections.abc import Iterator
from typing import IO

_DTYPES = (
    "float64|double|float32|float|float16|half|bfloat16|int64|long|int32|int|int16|short|int8|uint8"
    "|uint16|uint32|uint64|bool|complex32|complex64|complex128|chalf|cfloat|cdouble"
    r"|quint8|qint8|qint32|quint4x2|quint2x4|float8_\w+|float4_\w+"
)
_ALLOWED = re.compile(
    r"collections\.(OrderedDict|Counter)"
    r"|_codecs\.encode"
    r"|(builtins|__builtin__)\.(bytearray|set|complex)"
    r"|torch\.(Size|Tensor|device)"
    rf"|torch\.({_DTYPES})"
    r"|torch\.per_(tensor|channel)_(affine|symmetric|affine_float_qparams)"
    r"|torch(\.cuda|\.storage)?\.[A-Z]\w*(Storage|Tensor)"
    r"|torch\.nn\.parameter\.Parameter"
    r"|torch\.serialization\._get_layout"
    r"|torch\._tensor\._rebuild_from_type_v2"
    r"|torch\._utils\._rebuild_(tensor(_v2|_v3)?|parameter(_with_state)?|qtensor|sparse_tensor"
    r"|meta_tensor_no_storage|nested_tensor|device_tensor_from_(numpy|cpu_tensor))"
)
_STRINGS = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
_LOADS = {"GET", "BINGET", "LONG_BINGET"}
_STORES = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
_UNKNOWN = "a name computed while loading"


def refused(stream: IO[bytes], pickles: int = 1) -> list[str]:
    """The globals outside the allow-list in that many pickles at the stream's position, sorted.

    Raises `pickle.UnpicklingError` where the bytes are no pickle or end too soon.
    """
    found: set[str] = set()
    for _ in range(pickles):
        found.update(name for name in _names(stream) if not _ALLOWED.fullmatch(name))
    return sorted(found)


def _names(stream: IO[bytes]) -> Iterator[str]:
    """Every `module.name` the pickle looks up.

    STACK_GLOBAL takes its two strings from the stack. Only the pattern that picklers write (two
    strings pushed or fetched right before it) is followed; anything else counts as computed.
    """
    recent: list[str | None] = []
    memo: dict[int, str | None] = {}
    for op, arg in _opcodes(stream):
        if op in _STORES:
            key = len(memo) if op == "MEMOIZE" else int(arg)
            memo[key] = recent[-1] if recent else None
        elif op in _STRINGS:
            recent.append(str(arg))
        elif op in _LOADS:
            recent.append(memo.get(int(arg)))
        elif op == "STACK_GLOBAL":
            yield _joined(recent[-2:])
            recent = []
        else:
            if op in {"GLOBAL", "INST"}:
                yield str(arg).replace(" ", ".", 1)
            elif op in {"EXT1", "EXT2", "EXT4"}:
                yield f"copyreg extension {arg}"
            recent = []


def _joined(parts: list[str | None]) -> str:
    if len(parts) < 2 or None in parts:
        return _UNKNOWN
    return ".".join(str(p) for p in parts)


def _opcodes(stream: IO[bytes]) -> Iterator[tuple[str, str | int]]:
    try:
        for op, arg, _ in pickletools.genops(stream):
            yield op.name, "" if arg is None else arg
    except Exception as error:  # pickletools answers damage with half a dozen classes
        raise pickle.UnpicklingError(f"not a whole pickle: {error}") from error
