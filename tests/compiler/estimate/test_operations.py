from __future__ import annotations

import pytest

from mcompile import graph
from mcompile.estimate import operations
from mcompile.estimate.operations import ELEMENTWISE, FACTORS, FREE, POOLS, REDUCTIONS


def node(body):
    program = graph.parse(
        '<ir_version: 8, opset_import: ["": 17]> net (float[2, 3, 4, 4] x) => (float y) '
        f"{{ y = {body} }}"
    )
    program.graph.graph.outputs[0].shape = None
    graph.infer_shapes(program)
    return next(iter(program.graph.graph))


@pytest.mark.parametrize(
    ("body", "flops"),
    [
        ("Relu(x)", 96),
        ("Add(x, x)", 96),
        ("GlobalAveragePool(x)", 96),
        ("ReduceMean <axes = [2, 3]> (x)", 96),
        ("MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x)", 24 * 4),
        ("Softmax(x)", 5 * 96),
        ("Transpose(x)", 0),
        ("Flatten(x)", 0),
        ("Det(x)", None),
    ],
)
def test_elements_are_counted_by_the_textbook(body, flops):
    assert operations.operations(node(body)) == flops


def test_no_op_is_in_two_lists():
    lists = [FREE, ELEMENTWISE, REDUCTIONS, POOLS, frozenset(FACTORS)]
    assert sum(map(len, lists)) == len(frozenset().union(*lists))
