"""Files: their checksums, and written whole or not at all."""

import hashlib
import os


def sha256(path: str) -> str:
    """The checksum of a file, read in pieces."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def write_whole(path: str, data: bytes) -> None:
    """Put `data` at `path`, so that no reader ever sees a part of it."""
    draft = f"{path}.{os.getpid()}.part"
    try:
        with open(draft, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        if os.path.exists(draft):
            os.remove(draft)


def forget(path: str) -> None:
    """Take away figures of an earlier engine: they are not those of the one to come."""
    if os.path.exists(path):
        os.remove(path)
