"""An input is taken for pictures only where its shape says so."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.samples.planes import given_layout, layout_of, pictures
from mcompile.samples.preprocess import Preprocess
from mcompile.types import Dim, Port


@pytest.mark.parametrize(
    ("shape", "data", "dtype", "layout"),
    [
        (("n", 3, 32, 32), (1, 3, 32, 32), "float32", "nchw"),
        (("n", 32, 32, 3), (1, 32, 32, 3), "uint8", "nhwc"),
        (("n", 1, 28, 28), (1, 1, 28, 28), "float16", "nchw"),
        (("n", "a", "b", "c"), (1, 32, 32, 3), "float32", "nhwc"),
        ((3, 32, 32), (3, 32, 32), "float32", "nchw"),
        ((1, 99, 40), (1, 99, 40), "float32", ""),
        ((1, 43844, 1), (1, 43844, 1), "float32", ""),
        (("n", 3, 4, 32), (1, 3, 4, 32), "float32", ""),
        (("n", 64, 32, 32), (1, 64, 32, 32), "float32", ""),
        (("n", 3, 32, 32), (1, 3, 32, 32), "int64", ""),
        (("n", 576), (1, 576), "float32", ""),
        ((), (), "float32", ""),
    ],
)
def test_layouts_by_shape(
    shape: tuple[Dim, ...], data: tuple[int, ...], dtype: str, layout: str
) -> None:
    assert layout_of(Port("x", dtype, shape), data, None) == layout


def test_what_is_stated_comes_first() -> None:
    port = Port("x", "float32", ("n", "a", "b", "c"))
    assert layout_of(port, (1, 3, 32, 3), Preprocess(layout="nhwc")) == ""
    assert layout_of(port, (1, 9, 32, 9), Preprocess(layout="nchw")) == "nchw"
    assert layout_of(Port("x", "float32", ("n", "h", "w", 3)), (1, 3, 32, 3), None) == ""


def test_data_alone_shows_its_layout_where_there_are_colors() -> None:
    assert given_layout((1, 3, 32, 32)) == "nchw"
    assert given_layout((1, 32, 32, 3)) == "nhwc"
    assert given_layout((1, 3, 32, 4)) == given_layout((3, 32, 32)) == ""


def test_pictures_have_their_channels_first() -> None:
    data = np.arange(2 * 8 * 9 * 3, dtype=np.uint8).reshape(2, 8, 9, 3)
    np.testing.assert_array_equal(pictures(data, "nhwc"), data.transpose(0, 3, 1, 2))
    assert pictures(data[0], "nhwc").shape == (1, 3, 8, 9)
