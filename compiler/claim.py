"""A folder that appears whole or not at all.

It is built beside its final place, brought to the disk, and renamed. Where an earlier folder has to
make room, Linux swaps the two in one step; elsewhere the earlier one is set aside first, and the
next claim puts it back if the process died in between.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from mcompile.errors import UsageError

MARK = "artifact.json"
"""The file by which a folder is known to be a build's, and may be replaced by another build."""

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_CANNOT_EXCHANGE = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


@contextmanager
def claim(out: Path) -> Iterator[Path]:
    """An empty folder that becomes `out` when the block ends well, and is gone when it does not.

    Raises `UsageError` where another build is writing `out`, where `out` holds what no build
    wrote, or where the disk is full or may not be written; `out` is then as it was.
    """
    home = Path(os.path.realpath(out))
    with _explained(home):
        _refuse_foreign(home)
        os.makedirs(home.parent, exist_ok=True)
        with _alone(home):
            _recover(home)
            folder = _beside(home, "tmp")
            os.mkdir(folder)
            try:
                yield folder
                _sync(folder)
                _publish(folder, home)
            finally:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    """What the file system refuses, in words; any other error of the block passes as it is."""
    try:
        yield
    except OSError as error:
        place = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str) else home
        if error.errno in _FULL:
            raise UsageError(
                "the disk is full, and nothing was written",
                where=str(place),
                fix="free some space, or choose a folder on another disk with -o",
            ) from error
        if error.errno in _DENIED and _ours(place, home):
            raise UsageError(
                f"the output folder cannot be written: {(error.strerror or str(error)).lower()}",
                where=str(place),
                fix="choose a folder that you may write with -o",
            ) from error
        raise


def _ours(place: Path, home: Path) -> bool:
    """Whether a path is the output folder, above it, in it, or one that is built beside it."""
    inside = (str(home), str(home.parent / f".{home.name}."))
    return place in home.parents or str(place).startswith(inside)


def _refuse_foreign(home: Path) -> None:
    if not os.path.lexists(home):
        return
    if not home.is_dir():
        raise UsageError(
            "the output folder is a file", where=str(home), fix="choose another name with -o"
        )
    if any(home.iterdir()) and not (home / MARK).exists():
        raise UsageError(
            "the output folder holds files that no build wrote, and a build replaces it whole",
            where=str(home),
            fix="choose an empty or new folder with -o",
        )


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    lock = filelock.FileLock(home.parent / f".{home.name}.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise UsageError(
            "another build is writing this folder",
            where=str(home),
            fix="wait for it to end, or choose another folder with -o",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _beside(home: Path, kind: str) -> Path:
    return home.parent / f".{home.name}.{os.getpid()}-{secrets.token_hex(4)}.{kind}"


def _recover(home: Path) -> None:
    """Clear what killed builds left. The lock is ours, so nobody can be at work in it."""
    left = re.compile(rf"\.{re.escape(home.name)}\.\d+-[0-9a-f]{{8}}\.(tmp|old)")
    found = [p for p in home.parent.iterdir() if left.fullmatch(p.name)]
    for path in found:
        if path.suffix == ".old" and not home.exists():
            os.rename(path, home)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _publish(folder: Path, home: Path) -> None:
    if not home.exists():
        os.rename(folder, home)
    elif not _exchange(folder, home):
        _replace(folder, home)
    _sync_folder(home.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step; false where the system or its file system cannot."""
    if sys.platform != "linux":
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code), str(other))


def _replace(folder: Path, home: Path) -> None:
    aside = _beside(home, "old")
    os.rename(home, aside)
    try:
        os.rename(folder, home)
    except OSError:
        os.rename(aside, home)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _sync(folder: Path) -> None:
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            # Windows flushes only what was opened for writing.
            _flush(Path(place, name), os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        _sync_folder(Path(place))


def _sync_folder(folder: Path) -> None:
    if os.name != "nt":
        _flush(folder, os.O_RDONLY)


def _flush(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
