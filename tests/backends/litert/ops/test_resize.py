"""Pictures in another size, by the runtime or by constant places and weights."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.litert.ops.resize import LOWERINGS
from mcompile.errors import LoweringError
from tests.backends.litert.lowered import agree, missing, model, refused, turns, written

X = "float[2,3,6,7] x"
STORED = {"twice": np.float32([1, 1, 2, 2]), "odd": np.array([2, 3, 5, 11]),
          "line": np.float32([1, 1, 1, 1.5])}  # fmt: skip
HOW = 'coordinate_transformation_mode = "{}"'
ROWS = [
    'y = Resize <mode = "nearest"> (x, , twice)', 'y = Resize <mode = "linear"> (x, , twice)',
    'y = Resize <mode = "cubic"> (x, , twice)', 'y = Resize <mode = "linear"> (x, , , odd)',
    'y = Resize <mode = "linear"> (x, , line)',
    'y = Resize <mode = "linear", coordinate_transformation_mode = "align_corners"> (x, , , odd)',
    'y = Resize <mode = "nearest", nearest_mode = "ceil"> (x, , , odd)',
]  # fmt: skip


@pytest.mark.parametrize("body", ROWS)
def test_it_is_what_the_oracle_says(body):
    agree(model(X, body, **STORED), 2e-5)


def test_upsample():
    for mode in ("nearest", "linear"):
        agree(model(X, f'y = Upsample <mode = "{mode}"> (x, twice)', opset=9, **STORED), 2e-5)


def test_every_op_of_the_table_is_run():
    assert missing(LOWERINGS, *ROWS) == ["Upsample"]


@pytest.mark.parametrize("batch", [1, 3])
def test_a_free_batch(batch):
    body = 'y = Resize <mode = "linear"> (x, , twice)'
    agree(model("float[n,3,4,5] x", body, **STORED), 2e-5, (batch,))


COMPUTED = """s = Shape (x)
n = Slice (s, zero, one)
z = Concat <axis = 0> (n, most)
y = Resize <mode = "nearest"> (x, , , z)"""


@pytest.mark.parametrize("batch", [1, 3])
def test_sizes_of_which_only_the_batch_is_computed(batch):
    stored = {"zero": np.array([0]), "one": np.array([1]), "most": np.array([3, 8, 10])}
    agree(model("float[n,3,4,5] x", COMPUTED, **stored), 2e-5, (batch,))


def test_a_resize_along_the_free_size_is_refused():
    with pytest.raises(LoweringError, match="along the free size") as caught:
        written(model("float[2,3,4,n] x", 'y = Resize <mode = "nearest"> (x, , twice)', **STORED))
    assert "--input x=F32[2,3,4,64]" in caught.value.fix


def test_places_that_no_kernel_knows_are_refused():
    how = 'mode = "nearest", coordinate_transformation_mode = "half_pixel_symmetric"'
    refused(model(X, f"y = Resize <{how}> (x, , , odd)", **STORED), "half_pixel_symmetric")


def test_the_order_of_memory_is_kept():
    assert turns("s = Constant <value_floats = [1.0, 1.0, 2.0, 2.0]> ()\n"
                 'd = Resize <mode = "linear"> (c, , s)', 1e-3) == 2  # fmt: skip
