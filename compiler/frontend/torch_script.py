"""TorchScript: a module with its code in a language of its own, run by PyTorch's interpreter."""

from __future__ import annotations

from typing import Any

from mcompile.errors import SourceError
from mcompile.frontend.archive import as_torch_reads
from mcompile.frontend.export import from_script
from mcompile.frontend.format import Format, Source
from mcompile.frontend.options import CaptureOptions
from mcompile.frontend.runtime import first_line, quiet, require_torch, tensors_only
from mcompile.frontend.script_scan import refused
from mcompile.types import Program

_SHOWN = 4


class TorchScript(Format):
    """What `torch.jit.save` writes."""

    title = "TorchScript (.pt)"

    def recognizes(self, source: Source) -> bool:
        """Whether a zip archive holds compiled constants beside code."""
        return "constants.pkl" in source.members

    def read(self, source: Source, options: CaptureOptions) -> Program:
        """The scripted module, lowered by the exporter that understands TorchScript."""
        require_torch()
        import torch

        jit: Any = torch.jit
        if not options.trust_code:
            _scan(source)
        try:
            with quiet(), tensors_only(options.trust_code):
                script = jit.load(str(source.file), map_location="cpu")
        except Exception as error:  # its C++ loader raises RuntimeError, and Python's whatever
            raise SourceError(
                f"this TorchScript cannot be loaded: {first_line(error)}",
                where=source.label,
                fix="the file is damaged, or made by a newer torch: save it again",
            ) from error
        return from_script(script, options)


def _scan(source: Source) -> None:
    found = list(refused(as_torch_reads(source.file, source.label)))
    if found:
        raise SourceError(
            "this TorchScript reaches beyond arithmetic; it was not loaded",
            where=f"{source.label}: {', '.join(found[:_SHOWN])}",
            fix="--trust-code if its author is trusted: it would run with your rights",
        )
