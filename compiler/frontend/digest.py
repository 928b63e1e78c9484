"""One number that says which model was compiled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir

from mcompile.errors import SourceError
from mcompile.frontend import external_data
from mcompile.frontend.format import Source, find, look
from mcompile.frontend.modules import build
from mcompile.frontend.onnx import Onnx
from mcompile.frontend.options import CaptureOptions

_CHUNK = 1 << 22


def digest(source: object, options: CaptureOptions | None = None) -> str:
    """The SHA-256, in hex, of the source.

    For a file: its bytes, then those of its external data files in order. For a module (in memory,
    or built by MODULE:CALLABLE with the arguments of `options`): names, types, shapes and bytes of
    its state dict. For an ONNX model in memory: its protobuf.
    """
    looked = look(source)
    made = hashlib.sha256()
    for piece in _pieces(looked, options or CaptureOptions()):
        made.update(piece)
    return made.hexdigest()


def _pieces(source: Source, options: CaptureOptions) -> Iterator[Any]:
    if source.path is not None:
        yield from _files(source, source.path)
    elif isinstance(source.given, onnx.ModelProto):
        yield source.given.SerializeToString(deterministic=True)
    elif isinstance(source.given, ir.Model):
        yield ir.to_proto(source.given).SerializeToString(deterministic=True)
    elif isinstance(source.given, str):
        yield from _state(build(source.given, options.arch_args))
    else:
        find(source)
        yield from _state(source.given)


def _files(source: Source, path: Path) -> Iterator[bytes]:
    held = [path]
    if Onnx().recognizes(source):
        try:
            proto = onnx.load(path, format="protobuf", load_external_data=False)
        except Exception as error:
            raise SourceError("this ONNX file is truncated or damaged", where=str(path)) from error
        held += external_data.files(proto, path)
    for file in held:
        yield from _chunks(file)


def _chunks(file: Path) -> Iterable[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _state(module: Any) -> Iterator[Any]:
    import torch

    for name, value in module.state_dict().items():
        yield name.encode()
        if isinstance(value, torch.Tensor):
            yield f"{value.dtype}{tuple(value.shape)}".encode()
            yield value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
        else:
            yield repr(value).encode()
