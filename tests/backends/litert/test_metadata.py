"""What a file says of itself, read by the slots of the published schema."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import flatbuffers
import numpy as np
import pytest
from flatbuffers import number_types
from flatbuffers.table import Table

from mcompile.backends.litert import metadata
from mcompile.guide import Guide
from mcompile.types import Port

PICTURE = Port("x", "float32", ("n", 3, 32, 48))
CLASSES = Port("y", "float32", ("n", 2))
IMAGENET = {"scale": 255.0, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


class Slots:
    """A table of a flatbuffer by its slots, in the order that `metadata_schema.fbs` has them."""

    def __init__(self, data: bytes, place: int) -> None:
        self.table = Table(data, place)

    def at(self, slot: int) -> int:
        return int(self.table.Offset(4 + 2 * slot))

    def text(self, slot: int) -> str:
        at = self.at(slot)
        return bytes(self.table.String(at + self.table.Pos)).decode() if at else ""

    def byte(self, slot: int) -> int:
        at = self.at(slot)
        return int(self.table.Get(number_types.Uint8Flags, at + self.table.Pos)) if at else 0

    def number(self, slot: int) -> int:
        at = self.at(slot) + self.table.Pos
        return int(self.table.Get(number_types.Uint32Flags, at))

    def child(self, slot: int) -> Slots:
        at = self.at(slot) + self.table.Pos
        return Slots(self.table.Bytes, self.table.Indirect(at))

    def tables(self, slot: int) -> list[Slots]:
        at = self.at(slot)
        if not at:
            return []
        begin = self.table.Vector(at)
        places = [begin + 4 * i for i in range(self.table.VectorLen(at))]
        return [Slots(self.table.Bytes, self.table.Indirect(p)) for p in places]

    def texts(self, slot: int) -> list[str]:
        at = self.at(slot)
        begin = self.table.Vector(at)
        places = [begin + 4 * i for i in range(self.table.VectorLen(at))]
        return [bytes(self.table.String(p)).decode() for p in places]

    def floats(self, slot: int) -> Any:
        return self.table.GetVectorAsNumpy(number_types.Float32Flags, self.at(slot))


def read(guide: Guide, *, inputs: tuple[Port, ...] = (PICTURE,)) -> tuple[Slots, Slots]:
    """The model's table and its graph's."""
    data = metadata.entry("net", inputs, (Port("a", "float32", ("n", 5)), CLASSES), guide)
    assert data[4:8] == b"M001"
    root = Slots(data, flatbuffers.encode.Get(flatbuffers.packer.uoffset, data, 0))
    (graph,) = root.tables(3)
    return root, graph


def test_ports_are_named_in_their_order() -> None:
    root, graph = read(Guide())
    assert (root.text(0), root.text(7)) == ("net", "1.0.0")
    assert [t.text(0) for t in graph.tables(2)] == ["x"]
    assert [t.text(0) for t in graph.tables(3)] == ["a", "y"]
    assert not graph.tables(2)[0].at(3)


def test_a_picture_says_its_axes_size_colours_and_normalization() -> None:
    (x,) = read(Guide(IMAGENET))[1].tables(2)
    assert x.texts(2) == ["batch", "channel", "height", "width"]
    content = x.child(3)
    assert content.byte(0) == 2
    image = content.child(1)
    assert image.byte(0) == 1
    assert (image.child(1).number(0), image.child(1).number(1)) == (48, 32)
    (unit,) = x.tables(4)
    assert unit.byte(0) == 1
    options = unit.child(1)
    pixels = np.random.default_rng(0).integers(0, 256, (9, 3))
    ours = (pixels / 255.0 - np.array(IMAGENET["mean"])) / np.array(IMAGENET["std"])
    np.testing.assert_allclose((pixels - options.floats(0)) / options.floats(1), ours, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "said", "layout"),
    [
        ((1, 3, 8, 8), {}, "nchw"),
        ((1, 8, 8, 1), {}, "nhwc"),
        ((1, 3, 8, 3), {"layout": "nhwc"}, "nhwc"),
        ((1, 3, 8, 8), {"layout": "nhwc"}, ""),
        ((1, 5, 8, 8), {}, ""),
        ((1, 3, 8), {}, ""),
    ],
)
def test_where_the_channels_lie(shape: tuple[int, ...], said: Any, layout: str) -> None:
    port = Port("x", "float32", shape)
    assert metadata.layout_of(port, Guide({"scale": 1.0, **said})) == layout


def test_an_open_size_and_other_colours_are_not_made_up() -> None:
    open_size = Port("x", "float32", (1, 3, "h", "w"))
    (x,) = read(Guide({"scale": 1.0, "color": "bgr"}), inputs=(open_size,))[1].tables(2)
    image = x.child(3).child(1)
    assert (image.byte(0), image.at(1)) == (0, 0)
    assert "bgr" in x.text(1)


def test_labels_belong_to_the_output_that_they_fit() -> None:
    graph = read(Guide(labels=("cat", "dog")))[1]
    other, classes = graph.tables(3)
    (kept,) = classes.tables(6)
    assert (kept.text(0), kept.byte(2)) == ("labels.txt", 2)
    assert not other.at(6)
    assert not graph.at(4)


def test_labels_that_fit_no_output_stay_with_the_model() -> None:
    graph = read(Guide(labels=("one", "two", "three")))[1]
    assert [t.text(0) for t in graph.tables(4)] == ["labels.txt"]
    assert not any(t.at(6) for t in graph.tables(3))


def test_files_lie_behind_the_model_and_equal_ones_make_equal_bytes() -> None:
    model = bytes(range(200)) * 9
    kept = metadata.files(Guide(labels=("cat", "hündin")))
    whole = metadata.packed_with(model, kept)
    assert whole.startswith(model)
    assert whole == metadata.packed_with(model, kept)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.read("labels.txt").decode() == "cat\nhündin"
    assert metadata.packed_with(model, metadata.files(Guide())) == model
