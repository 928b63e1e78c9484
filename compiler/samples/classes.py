"""Labels of the pictures in a folder: a CSV, the file names, or the sub-folders."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from mcompile.errors import SamplesError
from mcompile.wording import nearest

CSV_NAME = "labels.csv"


def labelled(
    folder: Path, paths: Sequence[Path], pattern: str
) -> tuple[Sequence[Path], Sequence[int] | None]:
    """The pictures that count, and a class for each, None where the folder does not tell.

    A pattern comes first and leaves out what it does not match; then `labels.csv`; then
    sub-folders, when every picture is in one. Raises `SamplesError` where the labels do not fit
    the pictures.
    """
    if pattern:
        return _by_pattern(folder, paths, pattern)
    if (folder / CSV_NAME).is_file():
        return paths, _by_csv(folder, paths)
    return paths, _by_folder(folder, paths)


def _indices(names: Sequence[str]) -> list[int]:
    """Integers as they are; other names by their place among the sorted names."""
    if all(re.fullmatch(r"\d+", name) for name in names):
        return [int(name) for name in names]
    order = {name: index for index, name in enumerate(sorted(set(names)))}
    return [order[name] for name in names]


def _by_pattern(
    folder: Path, paths: Sequence[Path], pattern: str
) -> tuple[Sequence[Path], Sequence[int]]:
    matches = [(path, re.fullmatch(pattern, path.name)) for path in paths]
    found = [(path, match.group(1) or "") for path, match in matches if match]
    if not found:
        raise SamplesError(
            f"no picture's name matches label_pattern {pattern!r}",
            where=str(folder),
            fix=f"a pattern for names such as {paths[0].name}",
        )
    return [path for path, _ in found], _indices([name for _, name in found])


def _by_folder(folder: Path, paths: Sequence[Path]) -> Sequence[int] | None:
    parts = [path.relative_to(folder).parts for path in paths]
    names = [p[0] for p in parts if len(p) > 1]
    # One folder of any name is a place to keep pictures in, and not a class.
    told = len(names) == len(parts) and (len(set(names)) > 1 or names[0].isdecimal())
    return _indices(names) if told else None


def _by_csv(folder: Path, paths: Sequence[Path]) -> Sequence[int]:
    rows = _rows(folder / CSV_NAME)
    names = [path.relative_to(folder).as_posix() for path in paths]
    strange = [name for name in rows if name not in set(names)]
    if strange:
        raise SamplesError(
            f"there is no picture {strange[0]}",
            where=str(folder / CSV_NAME),
            fix=nearest(strange[0], names[:1000]),
        )
    bare = [name for name in names if name not in rows]
    if bare:
        raise SamplesError(
            f"{len(bare)} of {len(names)} pictures have no label, {bare[0]} first",
            where=str(folder / CSV_NAME),
            fix="add a row for each picture",
        )
    return _indices([rows[name] for name in names])


def _rows(path: Path) -> dict[str, str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, skipinitialspace=True)
            columns = list(table.fieldnames or ())
            if not {"file", "label"} <= set(columns):
                raise SamplesError(
                    f"the columns are {', '.join(columns) or 'missing'}",
                    where=str(path),
                    fix="a first line that reads: file,label",
                )
            pairs = [(row["file"], row["label"]) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SamplesError(f"this CSV cannot be read: {error}", where=str(path)) from error
    rows: dict[str, str] = {}
    for line, (name, label) in enumerate(pairs, 2):
        if not name or not label or name in rows:
            what = f"{name} is there twice" if name in rows else "a file or label is empty"
            raise SamplesError(what, where=f"{path}, line {line}", fix="one row for each picture")
        rows[name] = label
    return rows
