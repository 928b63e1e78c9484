"""`MODULE:CALLABLE`: the user's own code, run because the user names it."""

from __future__ import annotations

from mcompile.frontend.export import from_module
from mcompile.frontend.format import Format, Source
from mcompile.frontend.modules import build
from mcompile.frontend.options import CaptureOptions
from mcompile.types import Program


class PythonCallable(Format):
    """Code that returns an `nn.Module`, weights and all."""

    title = "MODULE:CALLABLE"

    def recognizes(self, source: Source) -> bool:
        """Whether it is text that names no file."""
        return isinstance(source.given, str) and source.path is None

    def read(self, source: Source, options: CaptureOptions) -> Program:
        """What the callable returns, called with `--arch-args`."""
        module = build(str(source.given), options.arch_args)
        return from_module(module, options)
