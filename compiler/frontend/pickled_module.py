"""A whole `nn.Module` in a pickle. Unpickling runs code, so it is done only when asked for."""

from __future__ import annotations

import pickle
from collections.abc import Mapping

from mcompile.errors import SourceError
from mcompile.frontend.checkpoints import NESTS, fill
from mcompile.frontend.export import from_module
from mcompile.frontend.format import Format, Source
from mcompile.frontend.options import CaptureOptions
from mcompile.frontend.runtime import first_line, quiet, require_torch
from mcompile.frontend.saved import MAGIC, globals_of, is_pickle, is_saved
from mcompile.types import Program

_SHOWN = 6
_RESAVE = (
    "where it was made: torch.save(model.state_dict(), 'weights.pt') and --arch MODULE:CALLABLE,"
    " or torch.export.save(torch.export.export(model, (input,)), 'model.pt2');"
    " --trust-code runs it as it is"
)


class PickledModule(Format):
    """A file of `torch.save` or `pickle` that would import more than tensors."""

    title = "pickled nn.Module (with --trust-code)"

    def recognizes(self, source: Source) -> bool:
        """Whether it is such a file, and some global in it is not on the allow-list."""
        return is_saved(source) and bool(globals_of(source))

    def read(self, source: Source, options: CaptureOptions) -> Program:
        """The module, or the `--arch` module with the checkpoint's weights; runs the pickle."""
        import torch

        named = globals_of(source)
        if not options.trust_code:
            more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
            raise SourceError(
                "this file is a pickle that runs code when it is loaded; it was not loaded",
                where=f"{source.label}, which would import {', '.join(named[:_SHOWN])}{more}",
                fix=_RESAVE,
            )
        require_torch()
        loaded = _module_in(_load(source))
        if not isinstance(loaded, torch.nn.Module):
            loaded = fill(loaded, options, source.label)
        return from_module(loaded, options)


def _load(source: Source) -> object:
    import torch

    bare = is_pickle(source.head) and source.head[2:14] != MAGIC
    try:
        with source.file.open("rb") as file, quiet():
            if bare:
                return pickle.load(file)
            return torch.load(file, map_location="cpu", weights_only=False)
    except Exception as error:  # it runs whatever code the file names
        raise SourceError(
            f"the pickled model cannot be loaded: {type(error).__name__}: {first_line(error)}",
            where=source.label,
            fix="put the code it was made with on PYTHONPATH, at the version it was made with",
        ) from error


def _module_in(loaded: object) -> object:
    """The module itself, or the one a training script keeps in its checkpoint."""
    import torch

    if isinstance(loaded, Mapping):
        inner = (loaded.get(key) for key in NESTS)
        return next((m for m in inner if isinstance(m, torch.nn.Module)), loaded)
    return loaded
