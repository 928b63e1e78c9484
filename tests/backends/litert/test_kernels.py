"""Types that the kernels which move numbers can be given."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.kernels import CODES, demand
from mcompile.errors import LoweringError

from .desk import Desk


@pytest.mark.parametrize("dtype", sorted(CODES))
def test_a_type_that_is_moved_is_handed_back(dtype):
    desk = Desk()
    tensor = desk.tensor(np.zeros(2, dtype))
    assert demand(desk.walk, tensor, CODES) is tensor


def test_a_type_that_is_not_names_the_node_and_a_cast():
    desk = Desk()
    with pytest.raises(LoweringError, match="moves no float64") as caught:
        demand(desk.walk, desk.tensor(np.zeros(2)), CODES)
    assert caught.value.where == "node y (Relu)"
    assert "Cast" in caught.value.fix
