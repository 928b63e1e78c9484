"""An input's shape tells how a picture lies in it, and how it is scaled and cropped."""

from __future__ import annotations

import pytest
from PIL import Image

from mcompile.errors import SamplesError
from mcompile.samples.frame import Frame, crop, frame, resize
from mcompile.samples.preprocess import Preprocess
from mcompile.types import Dim, Port


def of(shape: tuple[Dim, ...], how: Preprocess = Preprocess()) -> Frame:  # noqa: B008
    return frame(Port("x", "float32", shape), how)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 3, 8, 9), Frame(True, "rgb", 8, 9)),
        (("n", 1, 8, 9), Frame(True, "gray", 8, 9)),
        ((1, 8, 9, 3), Frame(False, "rgb", 8, 9)),
        ((8, 9, 1), Frame(False, "gray", 8, 9)),
        ((1, 3, "h", "w"), Frame(True, "rgb", None, None)),
    ],
)
def test_the_shape_tells_layout_color_and_size(shape: tuple[Dim, ...], expected: Frame) -> None:
    assert of(shape) == expected


def test_the_profile_wins_over_the_shape() -> None:
    assert of((1, 3, 3, 3), Preprocess(layout="nhwc", color="bgr")) == Frame(False, "bgr", 3, 3)


@pytest.mark.parametrize("shape", [(1, 10), (), (1, 2, 3, 4, 5)])
def test_an_input_that_is_none_for_pictures_is_refused(shape: tuple[Dim, ...]) -> None:
    with pytest.raises(SamplesError, match="is no input for pictures"):
        of(shape)


def test_an_unclear_layout_asks() -> None:
    with pytest.raises(SamplesError, match="does not tell its layout") as caught:
        of((1, 8, 8, 8))
    assert "layout =" in caught.value.fix


@pytest.mark.parametrize(
    ("size", "how", "expected"),
    [
        ((500, 375), Preprocess(crop_fraction=0.875), (341, 256)),
        ((375, 500), Preprocess(crop_fraction=0.875), (256, 341)),
        ((500, 375), Preprocess(resize=300), (400, 300)),
        ((500, 375), Preprocess(resize=(240, 230)), (230, 240)),
        ((224, 224), Preprocess(), (224, 224)),
    ],
)
def test_the_shorter_side_is_scaled_as_torchvision_does(
    size: tuple[int, int], how: Preprocess, expected: tuple[int, int]
) -> None:
    fit = of((1, 3, 224, 224), how)
    scaled = resize(Image.new("RGB", size), how, fit)
    assert scaled.size == expected
    assert crop(scaled, how, fit, "here").size == (224, 224)


@pytest.mark.parametrize("size", [(640, 100), (100, 640), (33, 34), (41, 20)])
def test_a_crop_that_is_no_square_is_always_covered(size: tuple[int, int]) -> None:
    how = Preprocess(crop=(20, 41), crop_fraction=0.9)
    fit = of((1, 3, "h", "w"), how)
    assert crop(resize(Image.new("RGB", size), how, fit), how, fit, "here").size == (41, 20)


def test_a_model_of_any_size_takes_pictures_as_they_are() -> None:
    how = Preprocess()
    fit = of((1, 3, "h", "w"))
    image = Image.new("RGB", (7, 5))
    assert crop(resize(image, how, fit), how, fit, "here").size == (7, 5)


def test_a_resize_below_the_crop_is_refused() -> None:
    how = Preprocess(resize=100)
    fit = of((1, 3, 224, 224), how)
    with pytest.raises(SamplesError, match=r"100x100 pixels .* 224x224 of the crop"):
        crop(resize(Image.new("RGB", (300, 300)), how, fit), how, fit, "a.jpg")
