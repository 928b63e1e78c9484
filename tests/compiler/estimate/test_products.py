"""A product of ones adds up one for each multiply-accumulate."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile import graph
from mcompile.estimate.count import count
from mcompile.oracle import Oracle


def net(body, *inputs):
    ports = ", ".join(f"float[{', '.join(map(str, s))}] {n}" for n, s in inputs)
    return graph.parse(
        f'<ir_version: 8, opset_import: ["": 17]> net ({ports}) => (float y) {{ y = {body} }}'
    )


def untyped(program):
    """The output's shape is for inference to find."""
    program.graph.graph.outputs[0].shape = None
    return program


def summed(program, *inputs):
    feeds = {name: np.ones(shape, np.float32) for name, shape in inputs}
    return int(Oracle(program, threads=1).run(feeds)["y"].sum())


@pytest.mark.parametrize(
    ("body", "a", "b"),
    [
        ("MatMul(a, b)", (3, 4), (4, 5)),
        ("MatMul(a, b)", (2, 1, 3, 4), (7, 4, 5)),
        ("MatMul(a, b)", (4,), (4, 5)),
        ("MatMul(a, b)", (6, 3, 4), (4,)),
        ("MatMul(a, b)", (4,), (4,)),
        ("Gemm(a, b)", (3, 4), (4, 5)),
        ("Gemm <transA = 1, transB = 1> (a, b)", (4, 3), (5, 4)),
        ('Einsum <equation = "bij,bjk->bik"> (a, b)', (2, 3, 4), (2, 4, 5)),
        ('Einsum <equation = "bhqd, bhkd -> bhqk"> (a, b)', (1, 2, 3, 4), (1, 2, 5, 4)),
    ],
)
def test_a_product_counts_what_it_adds_up(body, a, b):
    inputs = (("a", a), ("b", b))
    program = untyped(net(body, *inputs))
    work = count(program)
    assert work.macs == summed(program, *inputs)
    assert work.flops == 2 * work.macs


def test_an_einsum_of_one_operand_multiplies_nothing():
    assert count(untyped(net('Einsum <equation = "ij->ji"> (a)', ("a", (3, 4))))).macs == 0


@pytest.mark.parametrize("equation", ["...ij,...jk->...ik", "ij,jk,kl->il"])
def test_an_einsum_that_is_not_understood_is_unknown(equation):
    names = "abc"[: equation.count(",") + 1]
    inputs = [(n, (2, 2)) for n in names]
    body = f'Einsum <equation = "{equation}"> ({", ".join(names)})'
    work = count(untyped(net(body, *inputs)))
    assert len(work.unknown) == 1


@pytest.mark.parametrize(("op", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_a_recurrent_layer_multiplies_both_matrices_at_each_step(op, gates):
    steps, batch, width, hidden = 5, 2, 3, 4
    program = graph.parse(
        f"""<ir_version: 8, opset_import: ["": 17]>
        net (float[{steps}, {batch}, {width}] x) => (float[{steps}, 2, {batch}, {hidden}] y)
        {{ y = {op} <hidden_size = {hidden}, direction = "bidirectional"> (x, w, r) }}""",
        {
            "w": np.ones((2, gates * hidden, width), np.float32),
            "r": np.ones((2, gates * hidden, hidden), np.float32),
        },
    )
    expected = 0
    for _ in range(steps * batch * 2):
        expected += gates * hidden * width + gates * hidden * hidden
    assert count(program).macs == expected
