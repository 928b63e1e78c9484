"""An `nn.Module` handed over by a Python program."""

from __future__ import annotations

import sys

from mcompile.frontend.export import from_module
from mcompile.frontend.format import Format, Source
from mcompile.frontend.options import CaptureOptions
from mcompile.frontend.runtime import require_torch
from mcompile.types import Program


class ModuleInMemory(Format):
    """A module that is already there; it comes back in the mode it was in."""

    title = "nn.Module"

    def recognizes(self, source: Source) -> bool:
        """Whether it is a module. Without PyTorch loaded nothing can be one."""
        torch = sys.modules.get("torch")
        return torch is not None and isinstance(source.given, torch.nn.Module)

    def read(self, source: Source, options: CaptureOptions) -> Program:
        """The module in evaluation mode."""
        require_torch()
        return from_module(source.given, options)  # type: ignore[arg-type]
