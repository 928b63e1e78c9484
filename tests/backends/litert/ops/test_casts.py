"""Numbers in another type."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.casts import LOWERINGS
from tests.backends.litert.lowered import agree, missing, model, refused

CODES = {"bool": 9, "uint8": 2, "int8": 3, "int16": 5, "int32": 6, "int64": 7, "float": 1}
X = {"x": np.float32([[-2.7, -1.0, 0.0], [0.4, 1.6, 100.0]])}


@pytest.mark.parametrize("made", CODES)
def test_floats_in_every_type(made):
    x = {"x": np.abs(X["x"])} if made == "uint8" else X
    agree(model("float[2,3] x", f"y = Cast <to = {CODES[made]}> (x)", f"{made} y"), 0.5, feeds=[x])


@pytest.mark.parametrize("given", ["bool", "uint8", "int8", "int32", "int64"])
def test_every_type_as_floats(given):
    agree(model(f"{given}[2,3] x", "y = Cast <to = 1> (x)"), 1e-9)


def test_a_type_like_another_value():
    body = "a = CastLike (x, i)\n y = Cast <to = 1> (a)"
    assert not missing(LOWERINGS, body, "= Cast")
    agree(model("float[2,3] x", body, i=np.array([1], np.int32)), 1e-9, feeds=[X])


def test_a_type_that_has_no_cast_is_refused():
    refused(model("float[3] x", "y = Cast <to = 13> (x)", "uint64 y"), "CAST does not know uint64")


@pytest.mark.parametrize("made", ["bool", "int32", "int64"])
def test_codes_are_cast_as_what_they_stand_for(made):
    body = "q = QuantizeLinear (x, s, z)\n r = DequantizeLinear (q, s, z)\n"
    body += f"y = Cast <to = {CODES[made]}> (r)"
    scale = {"s": np.float32(0.5), "z": np.int8(-20)}
    agree(model("float[2,3] x", body, f"{made} y", **scale), 1e-9, feeds=[X])
