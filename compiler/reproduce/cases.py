"""The mistakes of rules that one build met, reduced, until there is a folder to write them into."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from mcompile.reproduce.reduction import Run, reduced
from mcompile.reproduce.reproducer import FOLDER, Reproducer, write
from mcompile.verify import Mistake

_EACH = 3
"""Reproducers of one rule, at most: where it fails everywhere, more of them tell nothing new."""

_log = logging.getLogger(__name__)


class Cases:
    """The reproducers of one build by their folders; `run` is the optimizer, which tries each."""

    def __init__(self, run: Run) -> None:
        self.found: dict[str, Reproducer] = {}
        self._run = run

    def keep(self, mistake: Mistake) -> str:
        """Reduce the mistake; returns its folder, or nothing where there are enough or it fails."""
        undone = mistake.undone
        if sum(r.rule == undone.rule for r in self.found.values()) >= _EACH:
            return ""
        try:
            made = reduced(mistake, self._run)
        except Exception as error:  # what failed once may fail again, and the build must go on
            _log.debug("no reproducer for %s", undone, exc_info=error)
            return ""
        place = self._place(f"{undone.rule}-{undone.node}")
        self.found[place] = made
        return place

    def write(self, folder: Path) -> None:
        """Write each into its own folder under `folder`, which holds the report."""
        for place, made in self.found.items():
            write(made, folder / place)

    def _place(self, words: str) -> str:
        stem = f"{FOLDER}/{re.sub(r'[^A-Za-z0-9_.-]+', '_', words)[:100]}"
        place, number = stem, 1
        while place in self.found:
            place, number = f"{stem}.{number}", number + 1
        return place
