"""Norms written out: as exact as the op, and for float16 as the standard asks."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from mcompile import graph
from mcompile.opsets.norms import written
from mcompile.opsets.versions import converted
from mcompile.oracle import Oracle
from mcompile.types import Program

RNG = np.random.default_rng(5)


def norm(opset: int, body: str, dtype: str = "float", shape: str = "2,4,6", **weights) -> Program:
    head = f'<ir_version: 9, opset_import: ["": {opset}]>'
    kind = {"float": np.float32, "float16": np.float16, "double": np.float64}[dtype]
    arrays = {n: np.asarray(w, kind) for n, w in weights.items()}
    return graph.parse(f"{head} n ({dtype}[{shape}] x) => ({dtype} y) {{ {body} }}", arrays)


def layer(**more: object) -> Program:
    body = "y = LayerNormalization <axis = -2, epsilon = 0.001> (x, s, b)"
    return norm(17, body, s=RNG.random((4, 6)), b=RNG.random((4, 6)), **more)


CASES = {
    "layer": (16, layer()),
    "layer of doubles": (13, layer(dtype="double")),
    "layer of half floats": (13, layer(dtype="float16")),
    "layer of an axis from the front": (
        13, norm(17, "y = LayerNormalization <axis = 1> (x, s)", s=RNG.random((4, 6))),
    ),
    "layer that tells its mean": (
        13, norm(17, "y, m = LayerNormalization (x, s) \n z = Neg(m)", s=RNG.random(6)),
    ),
    "rms": (18, norm(23, "y = RMSNormalization <axis = 1> (x, s)", s=RNG.random((4, 6)))),
    "rms of half floats": (13, norm(23, "y = RMSNormalization (x, s)", "float16", s=RNG.random(6))),
    "group": (
        20, norm(21, "y = GroupNormalization <num_groups = 2> (x, s, b)",
                 s=RNG.random(4), b=RNG.random(4)),
    ),
    "group of half floats": (
        17, norm(21, "y = GroupNormalization <num_groups = 2> (x, s, b)", "float16",
                 s=RNG.random(4), b=RNG.random(4)),
    ),
    "group of images": (
        13, norm(21, "y = GroupNormalization <num_groups = 4> (x, s, b)", shape="1,4,3,3",
                 s=RNG.random(4), b=RNG.random(4)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_norm_written_out_computes_what_it_did(case) -> None:
    version, program = case
    (port,) = program.inputs
    data = np.random.default_rng(0).standard_normal(port.shape).astype(port.dtype)
    want, got = (Oracle(p).run({"x": data})["y"] for p in (program, converted(program, version)))
    assert got.dtype == want.dtype
    tolerance = {2: 4e-3, 4: 1e-5, 8: 1e-9}[want.dtype.itemsize]
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def test_scales_of_groups_are_taken_as_they_are() -> None:
    body = "y = GroupNormalization <num_groups = 2> (x, s, b)"
    groups = norm(18, body, s=[2, 3], b=[1, -1])
    channels = norm(21, body, s=[2, 2, 3, 3], b=[1, 1, -1, -1])
    data = np.random.default_rng(0).standard_normal((2, 4, 6)).astype(np.float32)
    got = Oracle(converted(groups, 17)).run({"x": data})["y"]
    np.testing.assert_allclose(got, Oracle(channels).run({"x": data})["y"], rtol=1e-5, atol=1e-5)


def test_digits_are_kept_where_the_mean_is_large() -> None:
    program = norm(17, "y = LayerNormalization (x, s)", s=np.ones(6))
    data = (1000 + np.random.default_rng(0).standard_normal((2, 4, 6))).astype(np.float32)
    wide = data.astype(np.float64)
    want = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + 1e-5)
    got = Oracle(converted(program, 13)).run({"x": data})["y"]
    np.testing.assert_allclose(got, want, atol=1e-3)


def test_nothing_is_written_where_the_graph_does_not_say_enough() -> None:
    x = ir.Value(name="x", type=ir.TensorType(ir.DataType.FLOAT))
    axis = {"axis": 1}
    for op, told in (("LayerNormalization", axis), ("GroupNormalization", {}), ("Relu", {})):
        assert written(ir.node(op, [x, x, x], told), 21) == ""
    assert written(ir.node("LayerNormalization", [ir.Value(name="u"), x]), 21) == ""
    assert written(ir.node("LayerNormalization", []), 21) == ""
