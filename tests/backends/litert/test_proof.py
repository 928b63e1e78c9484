"""The runtime reads a file once before anybody is given it."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert import proof
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


def crashing():
    """NEG and a norm whose kernel reads beyond its input."""
    draft = Draft()
    x, y, z = (draft.tensor(n, (1, 4, 4, 3), "float32") for n in "xyz")
    draft.origin = "node n (Neg)"
    draft.emit("NEG", [x], [y], "NegOptions")
    draft.origin = "node l (LRN)"
    options = {"radius": -5, "bias": 1.0, "alpha": 1.0, "beta": 1.0}
    kind = "LOCAL_RESPONSE_NORMALIZATION"
    draft.emit(kind, [y], [z], "LocalResponseNormalizationOptions", **options)
    return draft, packed(draft, Interface([("x", x)], [("z", z)], {}), "m")


def test_a_kernel_that_crashes_is_an_error_that_names_the_node():
    draft, data = crashing()
    with pytest.raises(LoweringError, match="LiteRT crashes on LOCAL_RESPONSE") as caught:
        proven(data, draft, "m")
    assert caught.value.where == "node l (LRN)"
    assert caught.value.fix


def test_what_xnnpack_refuses_names_the_node_too():
    draft = Draft()
    draft.origin = "node n (Neg)"
    shape = (2,) * 8
    x, y = draft.tensor("x", shape, "float32"), draft.tensor("y", shape, "float32")
    draft.emit("NEG", [x], [y], "NegOptions")
    draft.origin = "node m (ReduceMean)"
    axes = draft.constant("axes", np.array([1, 3, 5, 7], np.int32))
    made = draft.tensor("z", (2, 1) * 4, "float32")
    draft.emit("MEAN", [y, axes], [made], "ReducerOptions", keepDims=True)
    data = packed(draft, Interface([("x", x)], [("z", made)], {}), "m")
    with pytest.raises(LoweringError, match="LiteRT refuses MEAN") as caught:
        proven(data, draft, "m")
    assert caught.value.where == "node m (ReduceMean)"


def test_a_large_file_is_loaded_only():
    draft = Draft(7919)
    weights = draft.constant("w", np.ones((200, 200), np.float32))
    for rows, quick in ((40_000, False), (400, True), (400 * 7919, True)):
        x, made = (draft.tensor(n, (rows, 200), "float32") for n in "xy")
        draft.ops = []
        draft.emit("FULLY_CONNECTED", [x, weights, None], [made], "FullyConnectedOptions")
        assert proof._is_quick(draft) is quick


def test_a_divisor_that_was_made_up_is_no_fault_of_the_file():
    draft = Draft()
    x, y = (draft.tensor(n, (3,), "int32") for n in "xy")
    draft.emit(
        "FLOOR_DIV", [draft.constant("c", np.array([1, 2, 3], np.int32)), x], [y], "FloorDivOptions"
    )
    proven(packed(draft, Interface([("x", x)], [("y", y)], {}), "m"), draft, "m")


def test_what_fails_when_it_runs_is_refused():
    draft = Draft()
    draft.origin = "node c (CumSum)"
    x, y = draft.tensor("x", (4, 4), "float32"), draft.tensor("y", (4, 4), "float32")
    far = draft.constant("axis", np.array(77, np.int32))
    draft.emit("CUMSUM", [x, far], [y], "CumsumOptions")
    with pytest.raises(LoweringError, match="LiteRT refuses CUMSUM") as caught:
        proven(packed(draft, Interface([("x", x)], [("y", y)], {}), "m"), draft, "m")
    assert caught.value.where == "node c (CumSum)"
