"""A bounded record of an unbounded stream: every so many of its items, in order."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Thinned(Generic[T]):
    """At most `most` items, evenly spread over all that were offered.

    When it is full, every second item goes and from then on every second is taken.
    """

    def __init__(self, most: int) -> None:
        self.items: list[T] = []
        self._most, self._stride, self._seen = most, 1, 0

    def wants(self) -> bool:
        """Whether the next item would be kept; to be asked once for each item."""
        self._seen += 1
        return (self._seen - 1) % self._stride == 0

    def keep(self, item: T) -> None:
        """Keep the item that was just asked about."""
        if len(self.items) == self._most:
            self.items = self.items[::2]
            self._stride *= 2
            if (self._seen - 1) % self._stride:
                return
        self.items.append(item)
