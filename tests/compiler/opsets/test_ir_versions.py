"""The version of the file format."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.errors import LoweringError
from mcompile.opsets import ir_versions


def model(body: str, **weights: object) -> ir.Model:
    text = f'<ir_version: 13, opset_import: ["": 25]> n (float[2] x) => (y) {{ {body} }}'
    made = graph.parse(text, {n: np.asarray(w) for n, w in weights.items()})
    graph.infer_shapes(made)
    return made.graph


def test_each_operator_set_came_with_a_version() -> None:
    assert [ir_versions.of_opset(v) for v in (13, 15, 19, 21, 25)] == [7, 8, 9, 10, 13]


def test_the_version_is_lowered_and_never_raised() -> None:
    made = model("y = Relu(x)")
    ir_versions.cap(made, 14)
    assert made.ir_version == 13
    ir_versions.cap(made, 7)
    assert made.ir_version == 7


@pytest.mark.parametrize(
    ("body", "newest", "told"),
    [
        ("y = Cast <to = 17> (x)", 8, "the value y"),
        ("c = Cast <to = 22> (x) \n y = Cast <to = 1> (c)", 9, "the value c"),
        ("k = Constant <value = int4[2] {1, 2}> () \n y = Cast <to = 1> (k)", 9, "k"),
        (
            "y = If (t) <then_branch = a () => (p) { c = Cast <to = 26> (x) \n"
            " p = Cast <to = 1> (c) }, else_branch = b () => (q) { q = Neg (x) }>",
            12,
            "the value c",
        ),
    ],
)
def test_a_type_that_it_does_not_have_is_refused(body: str, newest: int, told: str) -> None:
    made = model(body, t=True)
    with pytest.raises(LoweringError, match=f"version {newest} of the format") as caught:
        ir_versions.cap(made, newest)
    assert told in caught.value.where
    assert made.ir_version == 13
