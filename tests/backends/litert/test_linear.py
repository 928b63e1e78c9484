"""A matrix of constants beside what a layer reads."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.draft import Quant
from mcompile.backends.litert.linear import connect, spread, swapped, turned
from mcompile.backends.litert.values import Constant

from .desk import Desk
from .lowered import agree, drawn, model

W = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_a_turned_matrix_turns_its_scales():
    found = turned(Constant("w", W, Quant((0.5, 1.0, 2.0), (0, 0, 0), 1)))
    np.testing.assert_array_equal(found.data, W.T)
    assert found.quant.axis == 0
    assert turned(Constant("w", W, Quant((0.5,), (0,)))).quant == Quant((0.5,), (0,))


def test_a_bias_of_one_number_is_spread():
    assert spread(Constant("b", np.float32([2])), 3).data.tolist() == [2, 2, 2]
    whole = Constant("b", np.float32([1, 2, 3]))
    assert spread(whole, 3) is whole


def test_the_last_two_axes_change_places():
    assert swapped(4) == (0, 1, 3, 2)


@pytest.mark.parametrize("bias", [None, Constant("b", np.float32([1, -1]))])
def test_one_operator_with_its_bias(bias):
    desk, x = Desk(), np.float32([[1, 2, 3], [0, 1, -1]])
    source = desk.tensor(x)
    made = desk.draft.tensor("y", (2, 2), "float32")
    connect(desk.walk, source, Constant("w", W), bias, made)
    wanted = x @ W.T + (0 if bias is None else bias.data)
    np.testing.assert_allclose(desk.run(made), wanted)
    assert desk.kinds() == ["FULLY_CONNECTED"]


def test_a_flattened_picture_is_read_as_it_lies():
    body = "c = Conv (x, k)\n f = Flatten (c)\n y = Gemm (f, w)"
    stored = drawn(k=(4, 3, 1, 1), w=(4 * 5 * 6, 7))
    found = agree(model("float[2,3,5,6] x", body, **stored), 1e-4)
    assert found.count("TRANSPOSE") == 1  # of the input


def test_a_picture_is_read_as_a_row_without_being_written_as_one():
    stored = drawn(4, 1.0, w=(4, 3, 3, 3), k=(64, 5))
    body = "c = Conv (x, w)\nf = Flatten (c)\ny = MatMul (f, k)"
    assert agree(model("float[n,3,6,6] x", body, **stored), 1e-4, (1, 2)).count("RESHAPE") == 0
