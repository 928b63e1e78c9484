"""Writes a program as IR.

The converter names the nodes that it makes after a count over the life of the process. They are
numbered anew, so that the same model makes the same bytes.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection
from pathlib import Path

from mcompile import lowering
from mcompile.backends.openvino import clamps, constants, moves, pairs
from mcompile.backends.openvino.reasons import WAYS_OUT, node_in
from mcompile.backends.openvino.vendor import ov
from mcompile.errors import LoweringError
from mcompile.graph import clone, save
from mcompile.types import Program

SIZES = "--input with numbers for the free sizes, such as --input F32[1,3,224,224]"


def write(program: Program, path: Path) -> None:
    """Write `path` (.xml) and the constants beside it. Raises `LoweringError` naming the node."""
    try:
        model = converted(program)
        numbered = _number(model)  # what is folded takes over the name of what it was
        rewrite(model)
        _number(model, numbered)
        ov.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:
        ranks = "rank has to be known" in str(error)
        raise LoweringError(
            "OpenVINO cannot convert this model",
            where=node_in(error, program),
            fix=SIZES if ranks else WAYS_OUT,
        ) from error


def converted(program: Program) -> ov.Model:
    """What OpenVINO's converter makes of the program. Raises its RuntimeError."""
    built = clone(program)
    lowering.even_blocks(built)
    lowering.fold_biases(built)
    lowering.guard_means(built)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "model.onnx"
        save(built, source)
        return ov.Core().read_model(source)


def rewrite(model: ov.Model) -> None:
    """The same function in the form that OpenVINO's own quantizer writes, in place.

    Of a model that quantizes nothing at run time nothing is changed.
    """
    if not any(n.get_type_name() == "FakeQuantize" for n in model.get_ordered_ops()):
        return
    constants.fold(model)
    constants.drop_zeros(model)
    clamps.join(model)
    pairs.join(model)
    moves.drop_repeated(model)
    moves.quantize_before(model)
    model.validate_nodes_and_infer_types()


def _number(model: ov.Model, ours: Collection[str] = ()) -> set[str]:
    """Name by their places the nodes that no user has named, and those named `ours`; the names."""
    numbered = set()
    for index, node in enumerate(model.get_ordered_ops()):
        name, op = node.get_friendly_name(), node.get_type_name()
        if name in ours or re.fullmatch(rf"{op}_\d+", name):
            node.set_friendly_name(f"{op}.{index}")
            numbered.add(node.get_friendly_name())
    return numbered
