"""Where profiles live: beside this file, in the user's own files, and in installed packages.

A package announces its profiles with an entry point of the group `mcompile.targets`; its value is
a module whose folder holds the TOML files, or an attribute that is the path of such a folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from mcompile.errors import TargetError
from mcompile.wording import nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ROOM = Path(__file__).parent
SUFFIX = ".toml"
GROUP = "mcompile.targets"


class Place(NamedTuple):
    """A profile's file, and what to call it when it is spoken of."""

    path: Path
    label: str

    @property
    def name(self) -> str:
        """The target's name: that of its file."""
        return self.path.name.removesuffix(SUFFIX)


def shipped(folder: str = "") -> dict[str, Place]:
    """The profiles (or, in `scenarios`, the scenarios) that come with the compiler, by name."""
    found = sorted((ROOM / folder).glob(f"*{SUFFIX}"))
    inside = Path("targets") / folder
    return {p.stem: Place(p, (inside / p.name).as_posix()) for p in found}


def installed() -> tuple[dict[str, Place], tuple[str, ...]]:
    """Profiles of installed packages by name, and what is wrong with packages that gave none.

    Raises `TargetError` where two packages bring the same name.
    """
    found: dict[str, Place] = {}
    faults = []
    for point in _points():
        owner = point.dist.name if point.dist else point.value
        try:
            files = [
                f for folder in _folders(point.load()) for f in sorted(folder.glob(f"*{SUFFIX}"))
            ]
        except Exception as error:  # a stranger's module may raise anything at all
            faults.append(f"package {owner}: {type(error).__name__}: {error}")
            continue
        if not files:
            faults.append(f"package {owner}: {point.value} holds no {SUFFIX} files")
        for path in files:
            place = Place(path, f"package {owner}, {path.name}")
            rival = found.setdefault(place.name, place)
            if rival.path != path:
                raise TargetError(
                    f"{place.name} is the name of two targets",
                    where=f"{rival.label} and {place.label}",
                    fix=f"the path of the one you mean: {rival.path} or {path}",
                )
    return found, tuple(faults)


def find(name: str, where: str) -> Place:
    """The profile that is meant: a path when it ends in `.toml`, otherwise a name.

    The compiler's own profiles come before those of packages. Raises `TargetError` naming `where`.
    """
    if name.endswith(SUFFIX):
        return Place(Path(name), name)
    own = shipped()
    if name in own:
        return own[name]
    others, faults = installed()
    if name in others:
        return others[name]
    if name and Path(name).is_dir():
        raise TargetError(
            f"{name} is a folder, not a profile", where=where, fix=_inside(Path(name))
        )
    near = nearest(name, sorted({*own, *others}))
    raise TargetError(
        f"{name or 'an empty name'} is not a target",
        where="; ".join([where, *faults]),
        fix=f"{near}; or the path of a profile, which ends in {SUFFIX}",
    )


def _inside(folder: Path) -> str:
    files = sorted(p.as_posix() for p in folder.glob(f"*{SUFFIX}"))
    return files[0] if files else f"the path of a file that ends in {SUFFIX}"


def _points() -> Iterator[EntryPoint]:
    # importlib.metadata costs 35 ms to import, and most machines have no such package.
    if any(_announces(Path(entry or ".")) for entry in dict.fromkeys(sys.path)):
        from importlib.metadata import entry_points

        yield from sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))


def _announces(folder: Path) -> bool:
    """Whether a distribution in that folder of the import path speaks of our group."""
    try:
        kept = [e.path for e in os.scandir(folder) if e.name.endswith((".dist-info", ".egg-info"))]
    except OSError:  # the import path may name archives and folders that are gone
        return False
    wanted = GROUP.encode()
    texts = (Path(path, "entry_points.txt") for path in kept)
    return any(wanted in text.read_bytes() for text in texts if text.is_file())


def _folders(found: object) -> list[Path]:
    """The folders that a loaded entry point means."""
    if not isinstance(found, ModuleType):
        return [Path(os.fspath(found))]  # type: ignore[call-overload]
    if found.__file__ is None:
        return [Path(folder) for folder in found.__path__]
    return [Path(found.__file__).parent]
