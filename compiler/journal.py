"""What a build did so far: its stages with their time, told to whoever watches."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mcompile.record import Stage

Watcher = Callable[[str], None]


@dataclass
class Entry:
    """A stage under way; `summary` is what it will say when it is done, in the past tense."""

    summary: str = ""


@dataclass
class Journal:
    """The stages of one build, in order. `watch` hears the name of each as it begins."""

    watch: Watcher = lambda _: None
    stages: list[Stage] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[Entry]:
        """Time the block as a stage of that name."""
        self.watch(name)
        entry = Entry()
        wall, cpu = time.perf_counter(), time.process_time()
        yield entry
        self.stages.append(
            Stage(
                name,
                entry.summary,
                time.perf_counter() - wall,
                time.process_time() - cpu,
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
            )
        )
