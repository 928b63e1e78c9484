"""Every operator of a file, run alone on what it reads in the whole one."""

from __future__ import annotations

import numpy as np

from mcompile.backends.litert.timing import timed

from .lowered import drawn, fed, model, written
from .test_litert import noise, quantized


def test_a_row_for_each_operator():
    program = model("float[1,3,6,6] x", "c = Conv (x, w)\n y = Softmax <axis = 1> (c)",
                    **drawn(w=(4, 3, 3, 3)))  # fmt: skip
    rows = timed(written(program), 1, {0: fed(program)["x"]}, 1)
    assert [r.op for r in rows] == ["TRANSPOSE", "CONV_2D", "SOFTMAX", "TRANSPOSE"]
    assert all(r.time_ms > 0 for r in rows)
    assert {r.precision for r in rows} == {"fp32"}


def test_no_run_is_no_division_by_nothing():
    program = model("float[2] x", "y = Abs (x)")
    (row,) = timed(written(program), None, {0: np.ones(2, np.float32)}, 0)
    assert row.op == "ABS"


def test_codes_are_told_from_reals():
    program = quantized()
    sample = next(iter(noise(program)))
    rows = timed(written(program), 1, {0: sample.feeds["x"]}, 1)
    assert {r.op: r.precision for r in rows} == {
        "QUANTIZE": "", "FULLY_CONNECTED": "int8", "DEQUANTIZE": "",
    }  # fmt: skip
