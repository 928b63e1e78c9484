"""A folder of `.npz` files, each of them one sample or a batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mcompile.samples.archive import Archive
from mcompile.samples.source import LABELS, Chunk, Source
from mcompile.samples.stacked import plan, read


class NpzFolder(Source):
    """Reads the files in the order of their names."""

    title = "a folder of .npz files"

    @classmethod
    def takes(cls, place: object) -> bool:
        """Whether a file of the folder itself is called .npz."""
        return isinstance(place, Path) and place.is_dir() and any(place.glob("*.npz"))

    def chunks(self) -> Iterator[Chunk]:
        """Blocks of rows of a batch; a file of one sample at once."""
        for path in sorted(self.place.glob("*.npz")):
            archive = Archive(path, self.wanted)
            if not self._is_one(archive):
                how = plan(archive.headers, self.wanted, str(path))
                with archive.readers() as readers:
                    yield from read(readers, how, self.wanted, path.name)
                continue
            arrays = archive.whole()
            known = {p.name for p in self.wanted.ports}
            labels = None if LABELS in known else arrays.pop(LABELS, None)
            yield Chunk(arrays, labels, path.name)

    def _is_one(self, archive: Archive) -> bool:
        """Whether the first input comes without a batch axis."""
        port = self.wanted.ports[0]
        known = archive.headers.get(port.name)
        return known is not None and len(known.shape) == max(len(port.shape) - 1, 0)
