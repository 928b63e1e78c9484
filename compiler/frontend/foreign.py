"""Files that are handed in as models and are none: each is named for what it is."""

from __future__ import annotations

import re
from collections.abc import Callable

from mcompile.errors import SourceError
from mcompile.frontend.format import Format, Source
from mcompile.frontend.options import CaptureOptions
from mcompile.types import Program

_HTML = re.compile(rb"\s*(<!doctype html|<html|<\?xml|<head|<body)", re.IGNORECASE)
_LFS = b"version https://git-lfs.github.com/spec/"
_AGAIN = "download the file itself: the link led to a page (a login, an error, a preview)"

_KINDS: tuple[tuple[Callable[[bytes], object], str, str], ...] = (
    (lambda h: not h, "the file is empty", "save or download the model again"),
    (_HTML.match, "this is a web page, not a model", _AGAIN),
    (
        lambda h: h.startswith(_LFS),
        "this is a git-lfs pointer, not the model it points to",
        "git lfs pull",
    ),
    (lambda h: h[4:8] == b"TFL3", "a TFLite model is an output here, not a source", "its ONNX"),
    (
        lambda h: h.startswith(b"\x89HDF"),
        "this is an HDF5 file (Keras)",
        "export it to ONNX with tf2onnx",
    ),
    (
        lambda h: h.startswith(b"GGUF"),
        "this is a GGUF file",
        "the original weights as .safetensors with --arch",
    ),
    (
        lambda h: h.startswith((b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\xfd7zXZ", b"BZh")),
        "this is a compressed archive",
        "unpack it and give the model inside",
    ),
    (
        lambda h: h.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF")),
        "this is an image or a document, not a model",
        "the model file",
    ),
)


class Foreign(Format):
    """What is no model at all, or one of another world."""

    title = ""

    def recognizes(self, source: Source) -> bool:
        """Whether the first bytes are those of something known that is not a model."""
        return source.path is not None and _kind(source.head) is not None

    def read(self, source: Source, options: CaptureOptions) -> Program:  # noqa: ARG002
        """Never a program: raises `SourceError` that says what the file is."""
        what, fix = _kind(source.head) or ("not a model", "")
        raise SourceError(what, where=source.label, fix=fix)


def _kind(head: bytes) -> tuple[str, str] | None:
    return next(((what, fix) for test, what, fix in _KINDS if test(head)), None)
