"""Finds rules and backends by the names of their files; nothing is registered by hand.

A file holds exactly one class derived from its room's base. It is imported when it is asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
import zlib
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mcompile import backends as backends_room
from mcompile import passes
from mcompile.backend import Backend
from mcompile.errors import BackendMissing, Broken, TargetError
from mcompile.wording import nearest

if TYPE_CHECKING:
    from mcompile.rules import Rule

GROUP = "mcompile.backends"
PLANNED = ("microcontroller",)
"""Runtimes that profiles may name and this version cannot write for."""


def rules(*folders: Path) -> tuple[Rule[Any], ...]:
    """One of each rule, by file name: those that came along, then those in `folders`.

    Raises `Broken` for a file that holds no rule, or several, or one of another name.
    """
    from mcompile.rules import Rule  # costs half a second, which `mcompile --help` has not

    own = [importlib.import_module(f"{passes.__name__}.{n}") for n in _files(passes.__path__)]
    found = own + [_load(folder, name) for folder in folders for name in _files([str(folder)])]
    return tuple(_only_class(module, Rule)() for module in found)


def backend(name: str, *folders: Path) -> Backend:
    """The backend of that name. Raises `TargetError` for a name nobody knows.

    Raises `BackendMissing` where it is not part of this version, or its runtime is not installed.
    """
    try:
        module = _backend_module(name, folders)
    except ImportError as error:
        raise BackendMissing(
            f"the runtime of the {name} backend is not installed here ({error})",
            where=f"backend {name}",
            fix=f"pip install 'mcompile[{name.replace('_', '-')}]'",
        ) from error
    found: Backend = _only_class(module, Backend)()
    if found.name != name:
        raise Broken(f"the backend in {name} calls itself {found.name}", where=str(module.__file__))
    return found


def backends(*folders: Path) -> Mapping[str, Backend | BackendMissing]:
    """Every backend there is by name, or why it cannot be used here."""
    known = {*_files(backends_room.__path__), *_entry_points(), *PLANNED}
    known.update(name for folder in folders for name in _files([str(folder)]))
    found: dict[str, Backend | BackendMissing] = {}
    for name in sorted(known):
        try:
            found[name] = backend(name, *folders)
        except BackendMissing as error:
            found[name] = error
    return found


def _backend_module(name: str, folders: Iterable[Path]) -> ModuleType:
    for folder in folders:
        if name in _files([str(folder)]):
            return _load(folder, name)
    if name in _files(backends_room.__path__):
        return importlib.import_module(f"{backends_room.__name__}.{name}")
    if point := _entry_points().get(name):
        return importlib.import_module(point.module)
    if name in PLANNED:
        raise BackendMissing(
            f"this version has no {name} backend",
            where=f"backend {name}",
            fix="`mcompile backends` lists those it has",
        )
    known(name)
    raise Broken(f"the backend {name} has no module")


def known(name: str) -> None:
    """Raise `TargetError` for a name that no backend has, of this version or a later one."""
    names = [*_files(backends_room.__path__), *_entry_points(), *PLANNED]
    if name not in names:
        raise TargetError(f"{name} is not a backend", fix=nearest(name, names))


def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _files(paths: Iterable[str]) -> list[str]:
    return sorted(m.name for m in pkgutil.iter_modules(paths) if not m.name.startswith("_"))


def _load(folder: Path, name: str) -> ModuleType:
    """A module from a folder that is no package, under a name of its own."""
    unique = f"mcompile_{zlib.crc32(str(folder.resolve()).encode()):08x}.{name}"
    path = folder / name / "__init__.py" if (folder / name).is_dir() else folder / f"{name}.py"
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise Broken(f"{name} cannot be loaded", where=str(folder))
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    spec.loader.exec_module(module)
    return module


def _only_class(module: ModuleType, base: type) -> type[Any]:
    """The one class of the module that derives from `base`, named as the file in CamelCase."""
    name = module.__name__.rpartition(".")[2]
    members = (m for _, m in inspect.getmembers(module, inspect.isclass))
    home = f"{module.__name__}."
    found = [m for m in members if issubclass(m, base) and f"{m.__module__}.".startswith(home)]
    if len(found) != 1:
        raise Broken(
            f"{name} holds {len(found)} classes derived from {base.__name__} in place of one",
            where=str(module.__file__),
        )
    if found[0].__name__.lower() != name.replace("_", ""):
        raise Broken(f"{name} holds {found[0].__name__}", where=str(module.__file__))
    return found[0]
