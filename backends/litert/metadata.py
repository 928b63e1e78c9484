"""What a `.tflite` file says of itself, in the form that Android's and MediaPipe's tools read.

TFLite Model Metadata: a flatbuffer of its own, which lies in the model as the metadata entry
`TFLITE_METADATA`, and files that it speaks of in a ZIP archive behind the model. The tables are
those of `metadata_schema.fbs` 1.1.0; no maintained package ships its Python bindings, so the slots
of the few tables that are used stand here.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers

from mcompile.guide import Guide
from mcompile.types import Port

ENTRY = "TFLITE_METADATA"
LABELS = "labels.txt"
_IDENTIFIER = b"M001"
_PARSER = "1.0.0"
_IMAGE, _NORMALIZATION, _AXIS_LABELS = 2, 1, 2
_COLORS = {"rgb": 1, "gray": 2}
_CHANNELS = {3: "rgb", 1: "gray"}
_NAMES = {
    "nchw": ("batch", "channel", "height", "width"),
    "nhwc": ("batch", "height", "width", "channel"),
}


def entry(name: str, inputs: Sequence[Port], outputs: Sequence[Port], guide: Guide) -> bytes:
    """The metadata of a model with these ports, in the order that the file has them."""
    made = _Tables()
    picture = next((p for p in inputs if guide.preprocess and layout_of(p, guide)), None)
    classes = next((p for p in outputs if guide.labels and _fits(p, guide)), None)
    read = [made.tensor(p, made.picture(p, guide) if p is picture else {}) for p in inputs]
    kept = made.vector([made.labels()]) if guide.labels else None
    told = [made.tensor(p, {6: kept} if p is classes else {}) for p in outputs]
    graph = made.table({
        2: made.vector(read), 3: made.vector(told), 4: kept if classes is None else None,
    })  # fmt: skip
    root = {0: made.text(name), 3: made.vector([graph]), 7: made.text(_PARSER)}
    made.builder.Finish(made.table(root), _IDENTIFIER)
    return bytes(made.builder.Output())


def files(guide: Guide) -> dict[str, bytes]:
    """The files that the metadata speaks of, by name."""
    return {LABELS: "\n".join(guide.labels).encode()} if guide.labels else {}


def packed_with(model: bytes, files: Mapping[str, bytes]) -> bytes:
    """The model with files in a ZIP archive behind it, which the runtime does not look at.

    Stored, not compressed, so that equal files make equal bytes.
    """
    if not files:
        return model
    whole = io.BytesIO(model)
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            archive.writestr(member, data)
    return whole.getvalue()


def layout_of(port: Port, guide: Guide) -> str:
    """Where the channels of a picture lie: "nchw" or "nhwc"; empty where the port takes none."""
    if len(port.shape) != 4:
        return ""
    said = str(guide.preprocess.get("layout") or "")
    places = {"nchw": 1, "nhwc": 3}
    fitting = [name for name, axis in places.items() if port.shape[axis] in _CHANNELS]
    return said if said in fitting else "" if said else next(iter(fitting), "")


def _fits(port: Port, guide: Guide) -> bool:
    """Whether the numbers of an output are one for each class."""
    sizes = [d for d in port.shape[1:] if d != 1]
    return sizes == [len(guide.labels)]


class _Tables:
    """A builder of flatbuffers that takes a table as its slots; None leaves a slot out."""

    def __init__(self) -> None:
        self.builder: Any = flatbuffers.Builder(1024)

    def text(self, said: str) -> int:
        return int(self.builder.CreateString(said))

    def vector(self, offsets: Sequence[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def floats(self, numbers: Sequence[float]) -> int:
        self.builder.StartVector(4, len(numbers), 4)
        for number in reversed(numbers):
            self.builder.PrependFloat32(number)
        return int(self.builder.EndVector())

    def table(self, slots: Mapping[int, int | None], **scalars: Mapping[int, int]) -> int:
        """`slots` are offsets; `Uint8` and `Uint32` are numbers of that type by slot."""
        self.builder.StartObject(8)
        for slot, offset in slots.items():
            if offset is not None:
                self.builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        for kind, numbers in scalars.items():
            for slot, number in numbers.items():
                getattr(self.builder, f"Prepend{kind}Slot")(slot, number, 0)
        return int(self.builder.EndObject())

    def tensor(self, port: Port, more: Mapping[int, int | None]) -> int:
        return self.table({0: self.text(port.name), **more})

    def labels(self) -> int:
        what = self.text("the names of the classes, one a line")
        return self.table({0: self.text(LABELS), 1: what}, Uint8={2: _AXIS_LABELS})

    def picture(self, port: Port, guide: Guide) -> dict[int, int | None]:
        """The slots of an input that is a picture: its axes, its colours, what is done to it.

        Our (pixel / scale - mean) / std is the schema's (pixel - mean) / std with both scaled.
        """
        how, layout = guide.preprocess, layout_of(port, guide)
        sizes = dict(zip(_NAMES[layout], port.shape, strict=True))
        color = str(how.get("color") or _CHANNELS[sizes["channel"]])  # type: ignore[index]
        scale = float(how.get("scale", 1.0))
        mean = self.floats([scale * m for m in how.get("mean", (0.0,))])
        std = self.floats([scale * s for s in how.get("std", (1.0,))])
        options = self.table({0: mean, 1: std})
        unit = self.table({1: options}, Uint8={0: _NORMALIZATION})
        names = self.vector([self.text(n) for n in _NAMES[layout]])
        said = self.text(f"a picture, its channels in the order {color}")
        return {1: said, 2: names, 3: self._content(sizes, color), 4: self.vector([unit])}

    def _content(self, sizes: Mapping[str, int | str], color: str) -> int:
        sides = [sizes["width"], sizes["height"]]
        fixed = {i: side for i, side in enumerate(sides) if isinstance(side, int)}
        size = self.table({}, Uint32=fixed) if len(fixed) == 2 else None
        image = self.table({1: size}, Uint8={0: _COLORS.get(color, 0)})
        return self.table({1: image}, Uint8={0: _IMAGE})
