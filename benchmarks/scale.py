"""CPU seconds of the optimizer over the number of nodes: is its time near to linear?

    python benchmarks/scale.py [NODES...]        10,000 and 20,000 unless given

A chain of blocks (Conv, BatchNormalization, SiLU, Identity, scale, residual, Shape, Reshape, Relu)
and one of Mul and Add that each own a small weight. Verification is part of the time.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from mcompile import graph, optimizer
from mcompile.types import Array, Program

_HEAD = '<ir_version: 9, opset_import: ["": 18]> g (float[1,8,4,4] x) => (float[1,8,4,4] y)'
_BLOCK = """a{0} = Conv(z{1}, w{0}) b{0} = BatchNormalization(a{0}, one, nil, nil, one)
 s{0} = Sigmoid(b{0}) m{0} = Mul(b{0}, s{0}) d{0} = Identity(m{0}) e{0} = Mul(d{0}, half)
 f{0} = Add(e{0}, z{1}) h{0} = Shape(f{0}) r{0} = Reshape(f{0}, h{0}) z{0} = Relu(r{0})"""


def blocks(nodes: int) -> Program:
    """So many nodes in blocks of ten, each with a weight of its own."""
    rng, count = np.random.default_rng(0), nodes // 10
    weights: dict[str, Array] = {
        f"w{k}": rng.standard_normal((8, 8, 1, 1)).astype(np.float32) / 4 for k in range(1, count)
    }
    weights |= {"one": np.ones(8, np.float32), "nil": np.zeros(8, np.float32)}
    weights["half"] = np.float32(0.5)
    text = " ".join(_BLOCK.format(k, k - 1) for k in range(1, count))
    made = f"{_HEAD} {{ z0 = Relu(x) {text} y = Neg(z{count - 1}) }}"
    return graph.parse(made, weights)


def affine(nodes: int) -> Program:
    """So many Mul and Add in turns, each with a small weight of its own."""
    weights = {f"w{k}": np.full(4, 1 + k * 1e-5, np.float32) for k in range(1, nodes)}
    ops = (f"z{k} = {'Mul' if k % 2 else 'Add'}(z{k - 1}, w{k})" for k in range(1, nodes))
    made = f"{_HEAD} {{ z0 = Relu(x) {' '.join(ops)} y = Neg(z{nodes - 1}) }}"
    return graph.parse(made, weights)


def main() -> None:
    """Print CPU seconds and nodes before and after."""
    for make in (blocks, affine):
        for nodes in [int(n) for n in sys.argv[1:]] or [10_000, 20_000]:
            program = make(nodes)
            start = time.process_time()
            better, log = optimizer.optimize(program)
            spent = time.process_time() - start
            before, after = (p.graph.graph.num_nodes() for p in (program, better))
            print(f"{make.__name__:7} {before:6} -> {after:6} nodes  {spent:6.1f} s of CPU  "
                  f"{len(log.applied)} rewrites, {len(log.undone)} undone")  # fmt: skip


if __name__ == "__main__":
    main()
