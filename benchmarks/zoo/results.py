"""The rows of a run, one JSON line each, so that a run can be stopped and taken up again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]
_KEYS = ("kind", "model", "variant", "tool", "runtime")


class Results:
    """What is known so far: of two rows about the same thing, the later one holds."""

    def __init__(self, files: Iterable[Path], into: Path | None = None) -> None:
        self._rows: dict[tuple[str, ...], Row] = {}
        self._into = into
        for path in files:
            for line in path.read_text().splitlines() if path.exists() else ():
                if line.endswith("}"):  # a run that was killed may leave half a line
                    self._keep(json.loads(line))

    def _keep(self, row: Row) -> None:
        self._rows[tuple(row.get(k, "") for k in _KEYS)] = row

    def add(self, **row: Any) -> Row:
        """Keep the row, and write it down at once."""
        self._keep(row)
        if self._into is not None:
            with self._into.open("a") as file:
                file.write(json.dumps(row) + "\n")
        return row

    def get(self, kind: str, model: str = "", variant: str = "", last: str = "") -> Row:
        """The row, or an empty one; `last` is the tool or the runtime."""
        places = ("", last) if kind == "latency" else (last, "")
        return self._rows.get((kind, model, variant, *places), {})

    def all(self, kind: str) -> Iterator[Row]:
        """The rows of a kind, in the order in which they came."""
        return (row for row in self._rows.values() if row["kind"] == kind)
