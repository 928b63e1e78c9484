"""A `.pt2`: the graph that `torch.export.save` writes. Its own shapes and names are kept."""

from __future__ import annotations

from mcompile.errors import SourceError
from mcompile.frontend.archive import as_torch_reads, as_zip_reads
from mcompile.frontend.export import from_exported
from mcompile.frontend.exported_scan import refused
from mcompile.frontend.format import Format, Source
from mcompile.frontend.options import CaptureOptions
from mcompile.frontend.runtime import first_line, quiet, require_torch, tensors_only
from mcompile.types import Program

_SHOWN = 4
_OLD = "serialized_exported_program.json"


class ExportedProgram(Format):
    """An exported program, of this layout or of the one PyTorch wrote up to 2.7."""

    title = ".pt2"

    def recognizes(self, source: Source) -> bool:
        """Whether a zip archive says `archive_format`, or holds an older program."""
        return "archive_format" in source.members or _OLD in source.members

    def read(self, source: Source, options: CaptureOptions) -> Program:
        """The program's graph, after everything in the file was found to be plain data."""
        require_torch()
        import torch

        if not options.trust_code:
            _scan(source)
        try:
            with quiet(), tensors_only(options.trust_code):
                exported = torch.export.load(str(source.file))
        except Exception as error:  # the loader answers damage with whatever it stumbles over
            raise SourceError(
                f"this exported program cannot be loaded: {first_line(error)}",
                where=source.label,
                fix="save it again with torch.export.save of the torch that is installed here",
            ) from error
        return from_exported(exported, options)


def _scan(source: Source) -> None:
    views = [as_zip_reads(source.file, source.label)]
    if _OLD not in source.members:
        views.append(as_torch_reads(source.file, source.label))
    found = list(dict.fromkeys(word for view in views for word in refused(view, source.label)))
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise SourceError(
            "this exported program holds more than a graph and its weights; it was not loaded",
            where=f"{source.label}: {', '.join(found[:_SHOWN])}{more}",
            fix="--trust-code if its author is trusted: loading it may run what is named above",
        )
