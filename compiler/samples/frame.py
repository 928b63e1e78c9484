"""What an input expects of a picture, and the scaling and cropping that meet it."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from mcompile.errors import SamplesError
from mcompile.samples.ports import shape_text
from mcompile.samples.preprocess import Preprocess
from mcompile.types import Dim, Port

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


@dataclass(frozen=True)
class Frame:
    """What an input expects of a picture; a size is None where the model takes any."""

    channels_first: bool
    color: str
    height: int | None
    width: int | None


def frame(port: Port, how: Preprocess) -> Frame:
    """How pictures lie in an input; `SamplesError` where it is none for pictures, or unclear."""
    shape = port.shape[1:] if len(port.shape) == 4 else port.shape
    if len(shape) != 3:
        raise SamplesError(
            f"{port.name} of shape {shape_text(port.shape)} is no input for pictures",
            where="preprocess",
            fix="give the samples as arrays",
        )
    layout = how.layout or _layout(shape)
    if layout is None:
        raise SamplesError(
            f"the shape {shape_text(port.shape)} of {port.name} does not tell its layout",
            where="preprocess",
            fix='layout = "nchw" or layout = "nhwc"',
        )
    channels, height, width = shape if layout == "nchw" else (shape[2], shape[0], shape[1])
    color = how.color or ("gray" if channels == 1 else "rgb")
    return Frame(layout == "nchw", color, _known(height), _known(width))


def resize(image: Image.Image, how: Preprocess, fit: Frame) -> Image.Image:
    """The picture scaled so that the crop can be cut from it."""
    target = _target(how, fit)
    if isinstance(how.resize, tuple):
        height, width = how.resize
    elif how.resize is not None:
        height, width = _cover(image, how.resize, how.resize)
    elif target is not None:
        height, width = _cover(image, *(round(side / how.crop_fraction) for side in target))
    else:
        return image
    if image.size == (width, height):
        return image
    return image.resize((width, height), _FILTERS[how.interpolation])


def crop(image: Image.Image, how: Preprocess, fit: Frame, where: str) -> Image.Image:
    """The middle of the picture; `SamplesError` where the picture is smaller than that."""
    target = _target(how, fit)
    if target is None:
        return image
    height, width = target
    if image.height < height or image.width < width:
        raise SamplesError(
            f"{image.height}x{image.width} pixels after resizing are fewer than the "
            f"{height}x{width} of the crop",
            where=where,
            fix="a larger resize in the preprocess, or none",
        )
    top, left = round((image.height - height) / 2), round((image.width - width) / 2)
    return image.crop((left, top, left + width, top + height))


def _layout(shape: tuple[Dim, ...]) -> str | None:
    if shape[0] in (1, 3):
        return "nchw"
    return "nhwc" if shape[2] in (1, 3) else None


def _known(size: Dim) -> int | None:
    return size if isinstance(size, int) else None


def _target(how: Preprocess, fit: Frame) -> tuple[int, int] | None:
    """Height and width after the crop, None where neither profile nor model says."""
    if how.crop is not None:
        return (how.crop, how.crop) if isinstance(how.crop, int) else how.crop
    return (fit.height, fit.width) if fit.height and fit.width else None


def _cover(image: Image.Image, height: int, width: int) -> tuple[int, int]:
    """The smallest size of the picture's own proportions that covers the box."""
    if height * image.width >= width * image.height:
        return height, image.width * height // image.height
    return image.height * width // image.width, width
