"""What is said to whom: results on stdout, everything else on stderr."""

from __future__ import annotations

import json as stdlib_json
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO, cast

from mcompile.errors import CompileError

if TYPE_CHECKING:
    from rich.console import Console


def patient(stream: TextIO | None) -> TextIO:
    """The stream, going on where its reader went away or was never there.

    What a command comes to is its exit code: `mcompile ... | head -1` does not change it.
    """
    # Nobody closes it: it lives as long as the program does.
    return cast(TextIO, _Patient(stream)) if stream else open(os.devnull, "w")


class _Patient:
    """Writes as the stream does, and into nothing once that leads nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._forget()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._forget()

    def _forget(self) -> None:
        """Let what is buffered and all that follows go into nothing, the interpreter's end too."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._stream.fileno())
        os.close(nothing)


_SPELLED = ({"-v", "--verbose"}, {"-q", "--quiet"})


@dataclass(frozen=True)
class Talk:
    """How much to say, and in which form."""

    json: bool = False
    verbose: bool = False
    quiet: bool = False

    @classmethod
    def of(cls, words: Sequence[str]) -> Talk:
        """What the words of a command ask for, before they are parsed."""
        asked = [bool(spelled & {*words}) for spelled in _SPELLED]
        return cls("--json" in words, *asked)

    def document(self, data: bytes | Any) -> None:
        """Print one JSON document."""
        if not isinstance(data, bytes):
            import msgspec

            data = msgspec.json.format(msgspec.json.encode(data, order="deterministic"), indent=2)
        sys.stdout.write(data.decode().rstrip("\n") + "\n")

    def console(self) -> Console:
        """Where results for a person go."""
        from rich.console import Console

        return Console(highlight=False)

    def say(self, *lines: str) -> None:
        """Print plain lines of a result."""
        if not self.json:
            sys.stdout.write("".join(f"{line}\n" for line in lines))

    def note(self, line: str) -> None:
        """Say something beside the result."""
        if not self.quiet:
            print(line, file=sys.stderr)

    @contextmanager
    def progress(self) -> Iterator[Any]:
        """A function that is told each stage as it begins; shown on a terminal only.

        Whatever the libraries underneath print goes to stderr meanwhile.
        """
        with redirect_stdout(sys.stderr):
            if self.quiet or not sys.stderr.isatty():
                yield (lambda _: None) if not self.verbose else self.note
                return
            from rich.console import Console

            with Console(stderr=True).status("starting") as status:
                yield lambda stage: status.update(_DOING.get(stage, stage))

    def refuse(self, error: CompileError) -> int:
        """Print the error in its three lines, or as JSON, and return its exit code."""
        if self.json:
            words = {"kind": type(error).__name__, "what": error.what, "where": error.where,
                     "fix": error.fix, "exit": error.code}  # fmt: skip
            sys.stdout.write(stdlib_json.dumps({"error": words}, indent=2) + "\n")
        else:
            print(f"error: {error}", file=sys.stderr)
        if self.verbose and error.__cause__ is not None:
            traceback.print_exception(error.__cause__, file=sys.stderr)
        return error.code


_DOING = {
    "captured": "reading and exporting the model",
    "optimized": "optimizing, and holding each phase against the original",
    "calibrated": "observing the calibration data",
    "quantized": "quantizing",
    "lowered": "writing the artifact",
    "measured": "measuring",
    "judged": "judging",
}
