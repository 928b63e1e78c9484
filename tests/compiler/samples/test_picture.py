"""A picture becomes numbers exactly as torchvision's transforms would make them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mcompile.errors import SamplesError
from mcompile.samples.picture import prepare_rows, read
from mcompile.samples.preprocess import Preprocess, load_preprocess
from mcompile.types import Array, Port

NCHW = Port("x", "float32", (1, 3, 4, 4))


def noise(height: int, width: int) -> Array:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def saved(path: Path, data: Array) -> Path:
    Image.fromarray(data).save(path)
    return path


def test_pixels_are_scaled_and_normalized_by_channel(tmp_path: Path) -> None:
    data = noise(4, 4)
    how = Preprocess(scale=255.0, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    made = read(saved(tmp_path / "a.png", data), how, NCHW)
    expected = (data / 255 - np.array([0.1, 0.2, 0.3])) / np.array([0.5, 0.25, 2.0])
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, expected.transpose(2, 0, 1), atol=1e-6)


def test_the_imagenet_preset_does_what_its_recipe_says(tmp_path: Path) -> None:
    data = noise(40, 60)
    path = saved(tmp_path / "a.png", data)
    how = load_preprocess("imagenet")
    assert how is not None
    made = read(path, how, Port("x", "float32", (1, 3, 28, 28)))
    scaled = Image.fromarray(data).resize((48, 32), Image.Resampling.BILINEAR)
    pixels = np.asarray(scaled.crop((10, 2, 38, 30))) / 255
    expected = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(made, expected.transpose(2, 0, 1), atol=1e-5)


def test_tf_ranges_from_minus_one_to_one(tmp_path: Path) -> None:
    data = np.zeros((4, 4, 3), np.uint8)
    data[0] = 255
    how = load_preprocess("tf")
    assert how is not None
    made = read(saved(tmp_path / "a.png", data), how, NCHW)
    assert (made.min(), made.max()) == (-1, 1)


def test_layout_and_color_follow_the_input_and_the_profile(tmp_path: Path) -> None:
    data = noise(4, 4)
    path = saved(tmp_path / "a.png", data)
    last = Port("x", "float32", (1, 4, 4, 3))
    np.testing.assert_array_equal(read(path, Preprocess(), last), data)
    np.testing.assert_array_equal(read(path, Preprocess(color="bgr"), last), data[..., ::-1])
    gray = read(path, Preprocess(), Port("x", "float32", (1, 1, 4, 4)))
    np.testing.assert_array_equal(gray[0], np.asarray(Image.fromarray(data).convert("L")))


def test_an_input_of_bytes_gets_bytes(tmp_path: Path) -> None:
    data = noise(4, 4)
    port = Port("x", "uint8", (1, 4, 4, 3))
    made = read(saved(tmp_path / "a.png", data), Preprocess(), port)
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made, data)


def test_the_camera_orientation_is_honoured(tmp_path: Path) -> None:
    data = noise(4, 4)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(data).save(tmp_path / "a.png", exif=exif)
    made = read(tmp_path / "a.png", Preprocess(), Port("x", "float32", (1, 4, 4, 3)))
    np.testing.assert_array_equal(made, np.rot90(data, -1))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    Image.fromarray(noise(4, 4)).convert(mode).save(tmp_path / f"a.{suffix}")
    assert read(tmp_path / f"a.{suffix}", Preprocess(), NCHW).shape == (3, 4, 4)


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    data = (np.arange(16, dtype=np.uint16) * 4096).reshape(4, 4)
    Image.fromarray(data).save(tmp_path / "a.png")
    made = read(tmp_path / "a.png", Preprocess(), Port("x", "float32", (1, 1, 4, 4)))
    np.testing.assert_array_equal(made[0], data >> 8)


@pytest.mark.parametrize("damage", ["text", "truncated", "empty", "absent"])
def test_a_damaged_picture_is_named(tmp_path: Path, damage: str) -> None:
    path = saved(tmp_path / "a.jpg", noise(64, 64))
    whole = path.read_bytes()
    content = {"text": b"not a picture", "truncated": whole[: len(whole) // 2], "empty": b""}
    path.unlink() if damage == "absent" else path.write_bytes(content[damage])
    with pytest.raises(SamplesError, match="not a picture that can be read") as caught:
        read(path, Preprocess(), NCHW)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("part", ["mean", "std"])
def test_a_mean_of_another_number_of_channels_is_refused(tmp_path: Path, part: str) -> None:
    how = Preprocess(mean=(0.5, 0.5)) if part == "mean" else Preprocess(std=(0.5, 0.5))
    with pytest.raises(SamplesError, match=f"{part} holds 2 numbers for 3 channels"):
        read(saved(tmp_path / "a.png", noise(4, 4)), how, NCHW)


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 3, 1, 2)])
def test_arrays_of_bytes_are_pictures_in_either_layout(axes: tuple[int, ...]) -> None:
    data = np.stack([noise(4, 4), noise(4, 4)[::-1]])
    made = prepare_rows(data.transpose(axes), NCHW, Preprocess(scale=255.0), "here")
    np.testing.assert_allclose(made, data.transpose(0, 3, 1, 2) / 255, atol=1e-6)


def test_one_array_for_a_model_without_a_batch_is_a_picture() -> None:
    made = prepare_rows(noise(4, 4), Port("x", "float32", (3, 4, 4)), Preprocess(), "here")
    np.testing.assert_array_equal(made, noise(4, 4).transpose(2, 0, 1))


def test_bytes_that_are_no_picture_are_refused() -> None:
    with pytest.raises(SamplesError, match="4x4x7 bytes are no picture"):
        prepare_rows(np.zeros((1, 4, 4, 7), np.uint8), NCHW, Preprocess(), "here")


def test_floats_are_taken_as_prepared_already() -> None:
    data = np.ones((1, 3, 4, 4), np.float32)
    assert prepare_rows(data, NCHW, Preprocess(scale=255.0), "here") is data
    assert prepare_rows(data.astype(np.uint8), NCHW, None, "here").dtype == np.uint8
