"""Weights in the safetensors form: a JSON header and raw numbers, nothing to run."""

from __future__ import annotations

from mcompile.errors import SourceError
from mcompile.frontend.checkpoints import fill
from mcompile.frontend.export import from_module
from mcompile.frontend.format import Format, Source
from mcompile.frontend.options import CaptureOptions
from mcompile.frontend.runtime import first_line, require_torch
from mcompile.types import Program

_LONGEST_HEADER = 100_000_000


class Safetensors(Format):
    """A `.safetensors` file."""

    title = ".safetensors"

    def recognizes(self, source: Source) -> bool:
        """Whether an eight-byte length and then JSON open the file."""
        length = int.from_bytes(source.head[:8], "little")
        return source.head[8:9] == b"{" and 2 <= length <= _LONGEST_HEADER

    def read(self, source: Source, options: CaptureOptions) -> Program:
        """The module of `--arch` with these weights."""
        require_torch()
        from safetensors import torch as files

        try:
            loaded = files.load_file(source.file)
        except Exception as error:  # its own error class, OSError, or KeyError for a new dtype
            raise SourceError(
                f"these weights cannot be read: {first_line(error)}",
                where=source.label,
                fix="the file is truncated or damaged: download or save it again",
            ) from error
        return from_module(fill(loaded, options, source.label), options)
