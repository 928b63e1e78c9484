"""How a picture becomes an input: a named preset, a TOML file or a table of a model card."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import msgspec

from mcompile.errors import SamplesError
from mcompile.wording import nearest


@dataclass(frozen=True)
class Preprocess:
    """Resize, crop, then (pixel / scale - mean) / std for each channel.

    `resize` is the shorter side in pixels, or height and width; absent, the picture is made just
    large enough that the crop is `crop_fraction` of it. `crop` is a side, or height and width;
    absent, the model's own. `color` and `layout` follow the model's input where they are absent.
    `label_pattern` is a regular expression for whole file names whose one group is the label.
    """

    resize: int | tuple[int, int] | None = None
    crop: int | tuple[int, int] | None = None
    crop_fraction: float = 1.0
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    color: Literal["rgb", "bgr", "gray"] | None = None
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: Literal["nchw", "nhwc"] | None = None
    label_pattern: str = ""

    @property
    def keeps_values(self) -> bool:
        """Whether pixels reach the model as they are."""
        return self.scale == 1 and not any(self.mean) and set(self.std) <= {1.0}


_SIGNED = {"scale": 127.5, "mean": [1.0]}
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "zero-to-one": {"scale": 255.0},
    "minus-one-to-one": _SIGNED,
    "tf": _SIGNED,
    "imagenet": {
        "crop_fraction": 0.875,
        "scale": 255.0,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
}


def load_preprocess(
    given: str | Path | Mapping[str, Any] | Preprocess | None, base: Path | None = None
) -> Preprocess | None:
    """The preprocessing that a preset's name, a TOML file (relative to `base`) or a table means.

    A table may name a `preset` and change parts of it. Raises `SamplesError` on an unknown preset
    or key and on values that make no sense.
    """
    if given is None or isinstance(given, Preprocess):
        return given
    if isinstance(given, Mapping):
        return _from_table(given, "preprocess")
    if str(given) in PRESETS:
        return _from_table({"preset": str(given)}, "preprocess")
    return _from_table(_table((base or Path()) / given, str(given)), str(given))


def _table(path: Path, name: str) -> Mapping[str, Any]:
    try:
        found = msgspec.toml.decode(path.read_bytes())
    except OSError as error:
        raise SamplesError(
            f"{name} is neither a preset nor a file that can be read",
            where="preprocess",
            fix=nearest(name, PRESETS),
        ) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise SamplesError(f"not TOML: {error}", where=str(path)) from error
    table = found.get("preprocess", found)
    if not isinstance(table, Mapping):
        raise SamplesError("preprocess is not a table", where=str(path), fix="[preprocess]")
    return table


def _from_table(table: Mapping[str, Any], where: str) -> Preprocess:
    known = {f.name for f in fields(Preprocess)} | {"preset"}
    for key in table:
        if key not in known:
            raise SamplesError(
                f"{key} is not a part of preprocess", where=where, fix=nearest(key, known)
            )
    preset = table.get("preset", "none")
    if preset not in PRESETS:
        raise SamplesError(
            f"{preset} is not a preset", where=where, fix=nearest(str(preset), PRESETS)
        )
    merged = {**PRESETS[preset], **{k: v for k, v in table.items() if k != "preset"}}
    for key in ("mean", "std"):
        if isinstance(merged.get(key), int | float):
            merged[key] = [merged[key]]
    try:
        made = msgspec.convert(merged, Preprocess)
    except msgspec.ValidationError as error:
        raise SamplesError(str(error)[:1].lower() + str(error)[1:], where=where) from error
    return _sound(made, where)


def _sound(made: Preprocess, where: str) -> Preprocess:
    sides = [s for size in (made.resize, made.crop) for s in _sides(size)]
    wrong = {
        "resize and crop are 1 or more pixels": any(side < 1 for side in sides),
        "crop_fraction is above 0 and at most 1": not 0 < made.crop_fraction <= 1,
        "scale is above 0": not made.scale > 0,
        "std holds no zero": 0 in made.std,
        "mean and std hold one number, or one a channel": not (made.mean and made.std),
        "label_pattern is a regular expression with one group": not _has_a_group(
            made.label_pattern
        ),
    }
    for rule, broken in wrong.items():
        if broken:
            raise SamplesError(f"{rule}, and here that does not hold", where=where)
    return made


def _sides(size: int | tuple[int, int] | None) -> tuple[int, ...]:
    if size is None:
        return ()
    return (size,) if isinstance(size, int) else size


def _has_a_group(pattern: str) -> bool:
    try:
        return not pattern or re.compile(pattern).groups == 1
    except re.error:
        return False
