"""What is computed of constants alone is written as a constant; integer weights stay integers.

The converter leaves in a file how it came by the shape of every bias, scale and grouped weight:

    ShapeOf, Subtract, Broadcast, Concat, Reshape (b)     becomes   b of shape [1, C, 1, 1]
    Reshape(s), Reshape(Convert(z))                       become    s and z of shape [C, 1, 1, 1]
    ShapeOf, VariadicSplit, Divide, Concat (w)            becomes   the shape of the grouped weight

and the runtime computes it all whenever it loads the file. OpenVINO's own constant folding does it
here once. It would make floats of integer weights too, and a large tensor of a broadcast one: what
must stay as it is stored stands aside as a parameter meanwhile.

    Convert(w) - 0   becomes   Convert(w)

A difference from zeros is exact for every float; it is kept where the zeros have the larger shape.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from openvino.passes import ConstantFolding, Manager

from mcompile.backends.openvino.vendor import ov

_STORED = {"i8", "u8", "i4", "u4", "i2", "u2", "f16", "bf16"}
_GROWING = {"Broadcast", "Tile"}


def data(output: ov.Output) -> np.ndarray | None:
    """The numbers of a constant; None for what is computed."""
    node = output.get_node()
    return np.asarray(node.data) if node.get_type_name() == "Constant" else None


def readers(output: ov.Output) -> list[ov.Node]:
    """Every node that reads the output, in an order that is the same for the same model."""
    found = [i.get_node() for i in output.get_target_inputs()]
    return sorted(found, key=lambda n: n.get_friendly_name())


def redirect(old: ov.Output, new: ov.Output) -> None:
    """Hand `new` to all who read `old`, under the names that users know it by."""
    for each in old.get_target_inputs():
        each.replace_source_output(new)
    new.set_names(old.get_names() | new.get_names())


def fold(model: ov.Model) -> None:
    """Fold constants in place, all but stored weights and what would grow."""
    kept = [(n.output(0), _stand_in(model, n.output(0))) for n in _kept(model)]
    manager = Manager()
    manager.register_pass(ConstantFolding())
    manager.run_passes(model)
    for output, parameter in kept:
        for each in parameter.output(0).get_target_inputs():
            each.replace_source_output(output)
        model.remove_parameter(parameter)


def drop_zeros(model: ov.Model) -> None:
    """Take away differences from zeros behind stored weights."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Subtract":
            continue
        weight, zeros = node.input_value(0), data(node.input_value(1))
        if weight.get_node().get_type_name() != "Convert" or zeros is None or zeros.any():
            continue
        if node.get_output_partial_shape(0) == weight.get_partial_shape():
            redirect(node.output(0), weight)


def _stand_in(model: ov.Model, output: ov.Output) -> ov.Node:
    parameter = ov.op.Parameter(output.get_element_type(), output.get_partial_shape())
    for each in output.get_target_inputs():
        each.replace_source_output(parameter.output(0))
    model.add_parameters([parameter])
    return parameter


def _kept(model: ov.Model) -> Iterator[ov.Node]:
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Constant" and readers(node.output(0)):
            stored = node.output(0).get_element_type().get_type_name() in _STORED
            grows = any(r.get_type_name() in _GROWING for r in readers(node.output(0)))
            if (stored and not _is_zero_point(node.output(0))) or (
                grows and node.output(0).get_shape()
            ):
                yield node


def _is_zero_point(output: ov.Output) -> bool:
    """Whether the constant is only subtracted, once it has been made real and shaped."""
    found = output.get_target_inputs()
    return bool(found) and all(
        (i.get_node().get_type_name() == "Subtract" and i.get_index() == 1)
        or (
            i.get_node().get_type_name() in {"Convert", "Reshape"}
            and _is_zero_point(i.get_node().output(0))
        )
        for i in found
    )
