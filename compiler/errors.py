"""What can go wrong, one class per person who can act on it.

Every error is three lines a user can read: what is the matter, where, and what to try. The exit
code of a command is the `code` of the error it ended with.
"""

from __future__ import annotations


class CompileError(Exception):
    """A fact, the place where it holds, and the next step."""

    code = 70

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  in   {self.where}")
        if self.fix:
            lines.append(f"  try  {self.fix}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        # An exception with keyword arguments does not survive pickling (child processes) unaided.
        return _revive, (type(self), self.what, self.where, self.fix)


def _revive(kind: type[CompileError], what: str, where: str, fix: str) -> CompileError:
    return kind(what, where=where, fix=fix)


class UsageError(CompileError):
    """The command line asks for something that does not exist or does not fit together."""

    code = 2


class TargetError(CompileError):
    """An unknown target, a bad profile, or a precision the target may not be given."""

    code = 2


class SourceError(CompileError):
    """The model cannot be read, is damaged, is not trusted, or is of no supported kind."""

    code = 3


class SamplesError(CompileError):
    """Calibration or evaluation data of the wrong shape, type or count, or with NaN in it."""

    code = 4


class BackendMissing(CompileError):
    """The runtime or SDK is not installed here; `fix` is the command that installs it."""

    code = 5


class LoweringError(CompileError):
    """The runtime cannot hold an op or shape; names the node, the op and the ways out.

    What helps, the cheapest first: `--input` with numbers for sizes that are free; `--backend auto`
    where the target has another runtime; `--keep-float LAYER` or another `--precision` where floats
    are held and integers are not; another target; the op written in others before the export.
    """

    code = 6


class ContractError(CompileError):
    """An artifact is damaged, or this machine is not what the artifact needs."""

    code = 7


class Broken(CompileError):
    """An invariant of the compiler itself failed: a bug, with what to report."""

    code = 70
