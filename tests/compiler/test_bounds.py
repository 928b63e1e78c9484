"""A leading size may be free, one behind it not."""

from __future__ import annotations

import pytest

from mcompile import graph
from mcompile.bounds import demand_bounds
from mcompile.errors import LoweringError

HEAD = '<ir_version: 8, opset_import: ["": 17]>\n'


def test_a_free_leading_size_is_taken() -> None:
    demand_bounds(
        graph.parse(f"{HEAD}net (float[n,4] x) => (float[n,4] y) {{ y = Relu(x) }}"), "it"
    )


@pytest.mark.parametrize(
    ("kind", "typed"), [("float", "F32"), ("int64", "I64"), ("uint8", "U8"), ("bool", "BOOL")]
)
def test_another_is_refused_with_the_input_as_it_is_typed(kind, typed) -> None:
    text = f"{HEAD}net ({kind}[n,m,4] x) => ({kind}[n,m,4] y) {{ y = Identity(x) }}"
    with pytest.raises(LoweringError, match="it needs bounds of the free size m of x") as caught:
        demand_bounds(graph.parse(text), "it")
    assert caught.value.fix == f"--input 'x={typed}[N,N,4]' with numbers in place of N"
