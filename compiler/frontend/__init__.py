"""Any model source becomes a `Program`; one file per source format."""

from mcompile.frontend.capture import capture
from mcompile.frontend.digest import digest
from mcompile.frontend.options import CaptureOptions, parse_input

__all__ = ["CaptureOptions", "capture", "digest", "parse_input"]
