"""Turns pictures into the rows of an input, the way torchvision's usual transforms do it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from mcompile.errors import SamplesError
from mcompile.samples.frame import Frame, crop, frame, resize
from mcompile.samples.ports import shape_text
from mcompile.samples.preprocess import Preprocess
from mcompile.types import Array, Port

_MODES = {"rgb": "RGB", "bgr": "RGB", "gray": "L"}


def read(path: Path, how: Preprocess, port: Port) -> Array:
    """The picture in a file as one row of the input; `SamplesError` naming a damaged file."""
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)
            image.load()
    except Exception as error:  # Pillow's readers raise anything on a damaged file
        raise SamplesError(
            f"not a picture that can be read: {error}",
            where=str(path),
            fix="replace or remove the file",
        ) from error
    return prepare(image, how, frame(port, how), port, str(path))


def prepare_rows(rows: Array, port: Port, how: Preprocess | None, where: str) -> Array:
    """The rows as they are, or, being pictures of bytes for an input of floats, prepared."""
    bytes_for_floats = rows.dtype == np.uint8 and port.dtype.startswith("float")
    if how is None or not bytes_for_floats or rows.ndim not in (3, 4):
        return rows
    fit = frame(port, how)
    if rows.ndim == 3:
        return prepare(_from_array(rows, where), how, fit, port, where)
    return np.stack([prepare(_from_array(row, where), how, fit, port, where) for row in rows])


def prepare(image: Image.Image, how: Preprocess, fit: Frame, port: Port, where: str) -> Array:
    """A picture as one row of the input: float32, or bytes where the input takes bytes as is."""
    shaped = crop(resize(_eight_bits(image).convert(_MODES[fit.color]), how, fit), how, fit, where)
    pixels = np.asarray(shaped)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    pixels = pixels[..., ::-1] if fit.color == "bgr" else pixels
    if port.dtype != "uint8" or not how.keeps_values:
        for name, numbers in (("mean", how.mean), ("std", how.std)):
            if len(numbers) not in (1, pixels.shape[-1]):
                raise SamplesError(
                    f"{name} holds {len(numbers)} numbers for {pixels.shape[-1]} channels",
                    where="preprocess",
                    fix="give one number, or one a channel",
                )
        mean, std = np.array(how.mean, np.float32), np.array(how.std, np.float32)
        pixels = (pixels.astype(np.float32) / np.float32(how.scale) - mean) / std
    return np.ascontiguousarray(pixels.transpose(2, 0, 1) if fit.channels_first else pixels)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Pictures of 16 bits scaled down: Pillow by itself would cut them off at 255."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))


def _from_array(row: Array, where: str) -> Image.Image:
    channels_last = row if row.shape[-1] in (1, 3) else row.transpose(1, 2, 0)
    if channels_last.shape[-1] not in (1, 3):
        raise SamplesError(f"{shape_text(row.shape)} bytes are no picture", where=where)
    data = np.ascontiguousarray(channels_last)
    return Image.fromarray(data[..., 0] if data.shape[-1] == 1 else data)
