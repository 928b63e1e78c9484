"""What can go wrong on the device, and the exit code of each."""

MISMATCH = 1
USAGE = 2
MISSING = 5
REFUSED = 6
CONTRACT = 7


class KitError(Exception):
    """A fact, the place where it holds, and the next step; `code` is the exit code."""

    def __init__(self, code: int, what: str, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.where = where
        self.fix = fix

    def text(self) -> str:
        """The three lines a user reads."""
        lines = ["error: " + self.what]
        if self.where:
            lines.append("  in   " + self.where)
        if self.fix:
            lines.append("  try  " + self.fix)
        return "\n".join(lines)


def unwritten(error: OSError) -> KitError:
    """What the system said of a file, in three lines."""
    what = (error.strerror or str(error)).lower()
    fix = "a folder that can be written, with room in it: --out and --measured"
    return KitError(CONTRACT, what, str(error.filename or ""), fix)
