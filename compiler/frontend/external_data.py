"""The files an ONNX model keeps its large tensors in: found, inside its folder, whole, unaltered.

Specification: ONNX External Data (`location`, `offset`, `length`, `checksum` as SHA-1 in hex).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import onnx
import onnx_ir as ir

from mcompile.errors import SourceError

_CHUNK = 1 << 22


def check(model: onnx.ModelProto, path: Path) -> None:
    """Raise `SourceError` for a data file that is missing, elsewhere, too short or altered."""
    digests: dict[Path, str] = {}
    for tensor in tensors(model):
        file = locate(tensor, path)
        _check_span(tensor, file)
        stated = entries(tensor).get("checksum", "")
        if stated and stated.lower() != _sha1(file, digests):
            raise SourceError(
                "the checksum of an external tensor does not match its file",
                where=f"{path}, tensor {tensor.name}, file {file.name}",
                fix="download both files again, from one place",
            )


def files(model: onnx.ModelProto, path: Path) -> list[Path]:
    """The data files of the model, each once, in the order of the tensors."""
    return list(dict.fromkeys(locate(tensor, path) for tensor in tensors(model)))


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor stored outside the model: initializers, constants, subgraphs, functions."""
    yield from _external((model.graph, *model.functions, *model.training_info))


def entries(tensor: onnx.TensorProto) -> Mapping[str, str]:
    """What the tensor says about its place."""
    return {e.key: e.value for e in tensor.external_data}


def locate(tensor: onnx.TensorProto, model: Path) -> Path:
    """The data file, which lies in the model's folder or below; else `SourceError`."""
    location = entries(tensor).get("location", "")
    folder = model.resolve().parent if model.is_symlink() else model.parent.resolve()
    where = f"{model}, tensor {tensor.name}, location {location or 'not given'}"
    parts = PurePosixPath(location).parts + PureWindowsPath(location).parts
    absolute = PurePosixPath(location).is_absolute() or PureWindowsPath(location).anchor
    file = (folder / location).resolve() if location else folder
    if not location or absolute or ".." in parts or not file.is_relative_to(folder):
        raise SourceError(
            "external data points outside the model's folder; it was not opened",
            where=where,
            fix="put the data file beside the model: onnx.save(..., save_as_external_data=True)",
        )
    if not file.is_file():
        raise SourceError(
            "a file with external data is missing",
            where=where,
            fix=f"put {location} beside the model, as it was exported",
        )
    if file.stat().st_nlink > 1:
        raise SourceError(
            "external data is a hard link, which may lead outside the model's folder",
            where=where,
            fix="copy the data file",
        )
    return file


def _check_span(tensor: onnx.TensorProto, file: Path) -> None:
    said = entries(tensor)
    dtype = ir.DataType(tensor.data_type)
    need = math.ceil(math.prod(tensor.dims) * dtype.itemsize)
    try:
        offset, length = int(said.get("offset") or 0), int(said.get("length") or need)
    except ValueError:
        offset, length = -1, -1
    if offset < 0 or length != need or offset + length > file.stat().st_size:
        raise SourceError(
            "an external tensor does not fit its file: truncated or damaged",
            where=f"{file}, tensor {tensor.name}, {need} bytes at {said.get('offset', 0)}",
            fix="download or export the model again",
        )


def _sha1(file: Path, known: dict[Path, str]) -> str:
    if file not in known:
        digest = hashlib.sha1(usedforsecurity=False)
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        known[file] = digest.hexdigest()
    return known[file]


def _external(messages: Iterable[Any]) -> Iterator[onnx.TensorProto]:
    """Tensors anywhere below: protobuf is walked, so that no place is forgotten."""
    for message in messages:
        if isinstance(message, onnx.TensorProto):
            if message.data_location == onnx.TensorProto.EXTERNAL:
                yield message
            continue
        for field, value in message.ListFields():
            if field.message_type is not None:
                yield from _external(value if field.is_repeated else (value,))
