"""The bytes of a file: its limits, its alignment, what it offers by name."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.flatbuffer import Interface, packed
from mcompile.errors import LoweringError

from .lowered import written
from .test_litert import WEIGHTS, linear


def test_constants_beyond_two_gigabytes():
    draft = Draft()
    whole = np.broadcast_to(np.float32(0), (3, 1 << 28))
    tensor = draft.tensor("w", whole.shape, "float32", data=whole)
    with pytest.raises(LoweringError, match=r"3\.2 GB of constants"):
        packed(draft, Interface([], [("w", tensor)], {}), "m")


def test_buffers_lie_at_multiples_of_sixteen():
    data = written(linear())
    for array in (WEIGHTS["w"].T, WEIGHTS["b"]):
        assert data.find(np.ascontiguousarray(array).tobytes()) % 16 == 0


def model_of(draft, interface):
    return schema.ModelT.InitFromPackedBuf(bytearray(packed(draft, interface, "m")), 0)


def small():
    draft = Draft(7919)
    x, y = draft.tensor("x", (7919, 3), "float32"), draft.tensor("y", (7919, 3), "float32")
    draft.constant("nobody reads it", np.ones(5, np.float32))
    draft.emit("ABS", [x], [y], "AbsOptions")
    return draft, Interface([("in", x)], [("out", y)], {"note": b"said"})


def test_a_free_size_is_one_until_it_is_chosen():
    (tensor, _) = model_of(*small()).subgraphs[0].tensors
    assert tensor.shape.tolist() == [1, 3]
    assert tensor.shapeSignature.tolist() == [-1, 3]


def test_what_nobody_reads_is_left_out():
    names = [t.name for t in model_of(*small()).subgraphs[0].tensors]
    assert names == [b"x", b"y"]


def test_ports_and_notes_are_found_by_name():
    model = model_of(*small())
    (signature,) = model.signatureDefs
    assert [p.name for p in (*signature.inputs, *signature.outputs)] == [b"in", b"out"]
    (note,) = model.metadata
    assert (note.name, bytes(model.buffers[note.buffer].data)) == (b"note", b"said")


def test_an_option_that_the_schema_lacks_is_our_mistake():
    draft, interface = small()
    draft.emit("ABS", draft.ops[0].inputs, draft.ops[0].outputs, "AbsOptions", sharpness=3)
    with pytest.raises(AttributeError, match="sharpness"):
        packed(draft, interface, "m")
