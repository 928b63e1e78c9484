"""Who takes part: ours for two machines, and every setting of the vendors that is compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

FLOAT = "float"
UNTRAINED = ("resnet50_sized",)
"""Networks of random weights: their speed counts, not their noise."""
OURS = {"vnni": "mcompile vnni", "avx2": "mcompile avx2"}
"""By instruction set, what ours is called when it is built for it."""
_TARGETS = {"vnni": "cpu-server-vnni", "avx2": "cpu-server"}
DEFAULT = "ort u8s8 minmax"
"""What the cost of ours is held against."""


@dataclass(frozen=True)
class Entrant:
    """A setting of a tool. `tool` is the file of this folder that knows it."""

    name: str
    tool: str
    options: dict[str, Any] = field(default_factory=dict)
    file: str = "model.onnx"


def entrants() -> list[Entrant]:
    """All of them, ours first."""
    return [*_ours(), *_onnxruntime(), *_nncf()]


def on_openvino(isa: str) -> list[Entrant]:
    """Ours for OpenVINO on such a processor, and NNCF's own IR by its default and other settings.

    Where pairs of products do not saturate, NNCF's guard against it only costs: it is off there.
    """
    guard = {"overflow": "DISABLE"} if isa == "vnni" else {}
    settings: dict[str, dict[str, str]] = {
        "default": {},
        "mixed": {"preset": "MIXED"},
        "exact bias": {"bias": "EXACT"},
        "mixed exact bias": {"preset": "MIXED", "bias": "EXACT"},
        "transformer": {"type": "TRANSFORMER"},
        "transformer exact bias": {"type": "TRANSFORMER", "bias": "EXACT"},
    }
    if guard:
        settings["mixed overflow off"] = {"preset": "MIXED"} | guard
        settings["mixed overflow off exact bias"] = {"preset": "MIXED", "bias": "EXACT"} | guard
    ours = {"target": _TARGETS[isa], "backend": "openvino"}
    return [
        Entrant(OURS[isa], "ours", ours, "model.xml"),
        *(Entrant(f"nncf ir {n}", "nncf_ptq", o | {"form": "ir"}, "model.xml")
          for n, o in settings.items()),
    ]  # fmt: skip


def _ours() -> Iterator[Entrant]:
    for isa, name in OURS.items():
        yield Entrant(name, "ours", {"target": _TARGETS[isa]})


def _onnxruntime() -> Iterator[Entrant]:
    """The grid; U8U8 too, which ONNX Runtime's documentation names for CPUs that saturate."""
    methods = ("MinMax", "Entropy", "Percentile")
    grid = product(("u8s8", "s8s8"), methods, (False, True), (False, True))
    both = [*grid, *(("u8u8", "MinMax", channel, False) for channel in (False, True))]
    for types, method, channel, reduced in both:
        words = ["ort", types, method.lower(), "channel" * channel, "reduced" * reduced]
        options = {"types": types, "method": method, "channel": channel, "reduced": reduced}
        yield Entrant(" ".join(filter(None, words)), "ort_static", options)


def _nncf() -> Iterator[Entrant]:
    settings: dict[str, dict[str, str]] = {
        "default": {},
        "mixed": {"preset": "MIXED"},
        "overflow on": {"overflow": "ENABLE"},
        "overflow off": {"overflow": "DISABLE"},
        "mixed overflow on": {"preset": "MIXED", "overflow": "ENABLE"},
        "transformer": {"type": "TRANSFORMER"},
    }
    for form, file in (("onnx", "model.onnx"), ("ir", "model.xml")):
        for name, options in settings.items():
            yield Entrant(f"nncf {form} {name}", "nncf_ptq", options | {"form": form}, file)
