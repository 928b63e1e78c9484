"""Ops that move numbers, each alone between Q/DQ pairs: every code is the oracle's own.

x -> QuantizeLinear -> DequantizeLinear -> op -> QuantizeLinear -> DequantizeLinear -> y
"""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from mcompile import graph
from mcompile.backends.litert import Litert
from mcompile.oracle import Oracle
from mcompile.profile import Device, Target
from mcompile.types import Precision

TARGET = Target("desk", "d", "litert", Precision.INT8, Device(arch="x86_64"))
KERNELS = (OpResolverType.AUTO, OpResolverType.BUILTIN_REF)
NUMBERS = {
    "two": [2], "minus": [-1], "low": [-9, 1], "high": [4, -1], "pair": [0, 2], "steps": [-1, 2],
    "far": [4, 0], "beyond": [-9, 9],
    "parts": [1, 3, 2], "run": [1, 2], "some": [2, 0, -1], "one": [1], "flat": [2, -1],
    "wide": [2, 6, 4, 5], "times": [1, 2, 1, 3], "rows": [[0, 1], [1, -2]], "axes": [0, 3],
}  # fmt: skip
NUMBERS |= {"deep": [3, 2, 6, 4, 5], "swapped": [[1], [0]]}
NUMBERS["turned"] = np.broadcast_to([3, 0, -1, 2, 1], (2, 6, 4, 5)).tolist()
NUMBERS["lines"] = (np.arange(2 * 6 * 4 * 2) % 5 - 2).reshape(2, 6, 4, 2).tolist()
ROWS = {  # the op on x [2, 6, 4, 5]: how many outputs, and an operator that it becomes
    "Concat <axis = 1> (x, x)": (1, "CONCATENATION"),
    "Concat <axis = -1> (x, x, x, x, x, x)": (1, "CONCATENATION"),
    "Split <axis = 1, num_outputs = 3> (x)": (3, "SPLIT"),
    "Split <axis = 1> (x, parts)": (3, "SLICE"),
    "Slice (x, low, high, pair)": (1, "SLICE"),
    "Slice (x, far, beyond, pair, steps)": (1, ""),
    "Gather <axis = 1> (x, run)": (1, "SLICE"),
    "Gather <axis = 1> (x, some)": (1, "GATHER"),
    "Gather <axis = 3> (x, rows)": (1, "GATHER"),
    "GatherND (x, rows)": (1, "GATHER_ND"),
    "GatherElements <axis = 3> (x, lines)": (1, "GATHER"),
    "Reshape (x, flat)": (1, ""),
    "Flatten <axis = 2> (x)": (1, ""),
    "Unsqueeze (x, axes)": (1, ""),
    "Transpose <perm = [0, 3, 1, 2]> (x)": (1, "TRANSPOSE"),
    "Transpose <perm = [3, 2, 1, 0]> (x)": (1, "TRANSPOSE"),
    "Tile (x, times)": (1, "TILE"),
    "Expand (x, wide)": (1, ""),
    "Expand (x, deep)": (1, "BROADCAST_TO"),
    "Trilu (x, one)": (1, "SELECT_V2"),
    "ScatterElements <axis = 3> (x, turned, x)": (1, "SCATTER_ND"),
    "ScatterND (x, swapped, x)": (1, "SCATTER_ND"),
    "Identity (x)": (1, ""),
}


def program(op, outputs, dtype):
    """The op between its pairs, and the name of each output."""
    made = [f"y{k}" for k in range(outputs)]
    ends = "".join(
        f"q{n} = QuantizeLinear (r{n}, s, z)\n {n} = DequantizeLinear (q{n}, s, z)\n" for n in made
    )
    text = f"""<ir_version: 9, opset_import: ["" : 21]>
    g (float[2, 6, 4, 5] f) => ({", ".join(f"float[] {n}" for n in made)}) {{
        c = QuantizeLinear (f, s, z)
        x = DequantizeLinear (c, s, z)
        {", ".join(f"r{n}" for n in made)} = {op}
        {ends}
    }}""".replace("float[] ", "float ")
    weights = {k: np.array(v, np.int64) for k, v in NUMBERS.items()}
    weights |= {"s": np.float32(0.05), "z": np.array(3 if dtype == "int8" else 0, dtype)}
    found = graph.parse(text, weights)
    for value in found.graph.graph.outputs:
        value.shape = None
    graph.infer_shapes(found)
    return graph.program("alone", found.graph)


def run(data, kernel, feed, names):
    runner = Interpreter(model_content=data, experimental_op_resolver_type=kernel)
    runner.allocate_tensors()
    runner.set_tensor(runner.get_input_details()[0]["index"], feed)
    runner.invoke()
    signature = runner._get_full_signature_list()["serving_default"]["outputs"]
    kinds = {op["op_name"] for op in runner._get_ops_details()}
    return {n: runner.get_tensor(signature[n]) for n in names}, kinds


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("op", ROWS)
def test_moves_are_exact(op, dtype, tmp_path):
    outputs, kind = ROWS[op]
    alone = program(op, outputs, dtype)
    Litert().lower(alone, TARGET, tmp_path)
    ends = np.iinfo(dtype)
    codes = np.random.default_rng(7).integers(ends.min, ends.max + 1, (2, 6, 4, 5))
    feed = ((codes - (3 if dtype == "int8" else 0)) * np.float32(0.05)).astype(np.float32)
    want = Oracle(alone).run({"f": feed})
    for kernel in KERNELS[:1] if kind == "TILE" else KERNELS:  # no reference one for int8
        got, kinds = run((tmp_path / "model.tflite").read_bytes(), kernel, feed, want)
        assert not kind or kind in kinds
        for name, made in want.items():
            np.testing.assert_array_equal(got[name], made)
