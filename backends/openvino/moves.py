"""A FakeQuantize behind an op that only picks or moves values stands before it, or nowhere.

Let f be a FakeQuantize with one range for the whole tensor, and m a MaxPool, Reshape, Transpose,
Squeeze or Unsqueeze. f works on each value by itself and never falls where its input rises, so

    f(m(x)) = m(f(x))        max(f(a), f(b)) = f(max(a, b))
    f(m(f(x))) = m(f(x))     f(f(a)) = f(a) where what it puts out is what it takes in

Dropped: an f behind such ops with the parameters of an f before them. Moved to the front: an f that
alone reads m, which alone reads x; the kernel that makes x takes it in, and m works on integers.

Left where they are: ranges by channel; a MaxPool whose indices are read (equal maxima would be
told apart otherwise), or that may have a window with nothing but padding in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from openvino import opset13

from mcompile.backends.openvino.constants import data, readers, redirect
from mcompile.backends.openvino.vendor import ov

_MOVES = {"Reshape", "Transpose", "Squeeze", "Unsqueeze"}


def drop_repeated(model: ov.Model) -> None:
    """Take away each FakeQuantize that changes nothing, in place."""
    for node in model.get_ordered_ops():
        ends = _ends(node)
        if ends is None or not np.array_equal(ends[:2], ends[2:]):
            continue
        moved = node.input_value(0)
        source = moved
        while _commutes(source.get_node()):
            source = source.get_node().input_value(0)
        before = _ends(source.get_node())
        if before is not None and np.array_equal(before, ends) and _levels(source) == _levels(node):
            redirect(node.output(0), moved)


def quantize_before(model: ov.Model) -> None:
    """Move each FakeQuantize that stands behind such ops before them, in place."""
    for node in model.get_ordered_ops():
        moved = node.input_value(0) if _ends(node) is not None else None
        if moved is None or not _is_sole(moved) or not _commutes(moved.get_node()):
            continue
        first = moved.get_node()
        while _is_sole(first.input_value(0)) and _commutes(first.input_value(0).get_node()):
            first = first.input_value(0).get_node()
        if not _is_sole(first.input_value(0)):
            continue
        given = [first.input_value(0), *(node.input_value(k) for k in range(1, 5))]
        made = opset13.fake_quantize(*given, node.get_attributes()["levels"])
        made.set_friendly_name(node.get_friendly_name())
        redirect(node.output(0), moved)
        first.input(0).replace_source_output(made.output(0))


def _ends(node: ov.Node) -> np.ndarray | None:
    """The four ends of a FakeQuantize with one range for its tensor, in its own order."""
    if node.get_type_name() != "FakeQuantize":
        return None
    found = [data(node.input_value(k)) for k in range(1, 5)]
    if any(e is None or e.size != 1 for e in found):
        return None
    ends = np.array([e.reshape(-1)[0] for e in found if e is not None])
    return ends if ends[0] < ends[1] and ends[2] < ends[3] else None


def _levels(at: Any) -> int:
    node = at if isinstance(at, ov.Node) else at.get_node()
    return int(node.get_attributes()["levels"])


def _is_sole(output: ov.Output) -> bool:
    return len(readers(output)) == 1


def _commutes(node: ov.Node) -> bool:
    if node.get_type_name() == "MaxPool":
        return _is_plain_pool(node)
    return node.get_type_name() in _MOVES


def _is_plain_pool(node: ov.Node) -> bool:
    """Whether every window of a MaxPool holds a value, and nobody reads which one it is.

    The last window begins stride - 1 further on where the number of windows is rounded up.
    """
    held = node.get_attributes()
    if any(readers(o) for o in node.outputs()[1:]) or any(d != 1 for d in held["dilations"]):
        return False
    if held["auto_pad"] not in ("explicit", "valid"):
        return False
    up = held["rounding_type"] != "floor"
    pads = zip(held["pads_begin"], held["pads_end"], held["kernel"], held["strides"], strict=True)
    return all(b < k and e + (s if up else 1) <= k for b, e, k, s in pads)
