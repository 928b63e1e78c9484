"""The tables of all families, together."""

from __future__ import annotations

import importlib
import pkgutil

import onnx
import onnx_ir as ir

from mcompile.backends.litert import ops
from mcompile.backends.litert.lowering import BOTH, BYTES, Lowering, lowerings


def test_no_op_is_in_two_tables():
    tables = [importlib.import_module(f"{ops.__name__}.{m.name}").LOWERINGS
              for m in pkgutil.iter_modules(ops.__path__)]  # fmt: skip
    assert sum(map(len, tables)) == len(lowerings()) > 100


def test_every_op_is_one_of_the_standard():
    standard = {s.name for s in onnx.defs.get_all_schemas_with_history() if not s.domain}
    assert {*lowerings()} <= standard


def test_integers_are_types_that_codes_have():
    assert {*BYTES} < {*BOTH} == {"int8", "uint8", "int16"}
    assert all(one.integers <= BOTH for one in lowerings().values())


def test_a_node_says_whether_it_fuses():
    node, write = ir.node("Relu", []), (lambda _walk, _node: None)
    assert Lowering(write, fuses=True).may_fuse(node)
    assert not Lowering(write).may_fuse(node)
    assert Lowering(write, fuses=lambda n: n.op_type == "Relu").may_fuse(node)
