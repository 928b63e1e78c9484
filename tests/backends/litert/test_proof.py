"""The runtime reads a file once before anybody is given it."""

from __future__ import annotations

import pytest

from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.flatbuffer import Interface, packed
from mcompile.backends.litert.proof import proven
from mcompile.errors import LoweringError


def test_what_the_runtime_refuses_names_the_node():
    draft = Draft()
    draft.origin = "node y (Add)"
    x, y = draft.tensor("x", (2, 3), "float32"), draft.tensor("y", (2, 4), "float32")
    made = draft.tensor("z", (2, 4), "float32")
    draft.emit("ADD", [x, y], [made], "AddOptions")
    data = packed(draft, Interface([("x", x), ("y", y)], [("z", made)], {}), "m")
    with pytest.raises(LoweringError, match="LiteRT refuses ADD") as caught:
        proven(data, draft, "m")
    assert caught.value.where == "node y (Add)"


def test_bytes_that_are_no_file_name_the_model():
    with pytest.raises(LoweringError, match="LiteRT refuses the file") as caught:
        proven(b"nothing of the kind", Draft(), "net")
    assert caught.value.where == "net"


def test_a_size_that_only_one_fits_is_found_before_it_is_fed():
    draft = Draft(7919)
    draft.origin = "node y (Add)"
    x = draft.tensor("x", (7919, 3), "float32")
    y, z = draft.tensor("y", (7919,), "float32"), draft.tensor("z", (3,), "float32")
    made = draft.tensor("o", (7919, 3), "float32")
    draft.reshape(y, z)  # one number cannot be three, whatever the size
    draft.emit("ADD", [x, z], [made], "AddOptions")
    data = packed(draft, Interface([("x", x), ("y", y)], [("o", made)], {}), "m")
    with pytest.raises(LoweringError, match="LiteRT refuses RESHAPE"):
        proven(data, draft, "m")
