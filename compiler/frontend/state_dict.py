"""Weights written by `torch.save(model.state_dict(), ...)`, alone or inside a checkpoint.

Both the zip form and the older stream of pickles. Only tensors are rebuilt.
"""

from __future__ import annotations

from mcompile.errors import SourceError
from mcompile.frontend.checkpoints import fill
from mcompile.frontend.export import from_module
from mcompile.frontend.format import Format, Source
from mcompile.frontend.options import CaptureOptions
from mcompile.frontend.runtime import first_line, quiet, require_torch, tensors_only
from mcompile.frontend.saved import globals_of, is_saved
from mcompile.types import Program


class StateDict(Format):
    """A `.pt` or `.pth` whose pickle rebuilds tensors and plain containers, nothing else."""

    title = "state dict (.pt, .pth)"

    def recognizes(self, source: Source) -> bool:
        """Whether it is a `torch.save` file, and every global in its pickle is allowed."""
        return is_saved(source) and not globals_of(source)

    def read(self, source: Source, options: CaptureOptions) -> Program:
        """The module of `--arch` with these weights."""
        import torch

        require_torch()
        try:
            with source.file.open("rb") as file, quiet(), tensors_only():
                loaded = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch.load answers damage with a dozen classes
            raise SourceError(
                f"these weights cannot be read: {first_line(error)}",
                where=source.label,
                fix="the file is truncated or damaged: download or save it again",
            ) from error
        return from_module(fill(loaded, options, source.label), options)
