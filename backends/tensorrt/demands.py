"""Whether the parser of the releases that a device may have reads a program.

What only later releases of those read narrows what the artifact asks of a device; what none of
them reads is refused, by node and op.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mcompile.backends.tensorrt.held import held
from mcompile.backends.tensorrt.limits import Limit, limits
from mcompile.backends.tensorrt.operators import newest_opset, since, since_opset
from mcompile.backends.tensorrt.pairs import pairs
from mcompile.backends.tensorrt.pins import admits, floor, told
from mcompile.errors import LoweringError
from mcompile.graph import name_of, opset
from mcompile.types import Program

_STANDARD = ("", "ai.onnx")
_OTHER_OPS = (
    "write it in other ops before the export; `mcompile explain LoweringError` lists the ways out"
)
_COUNTS = {"Compress", "NonMaxSuppression", "NonZero", "Unique"}
"""They give as much as they find."""


def narrowed(program: Program, versions: SpecifierSet) -> tuple[SpecifierSet, str]:
    """The admitted releases that read the program, and what rules the others out.

    Raises `LoweringError` naming the node where none of them reads it.
    """
    _demand_sizes(program)
    oldest = floor(versions)
    asked, because = oldest, ""
    for node, (first, words) in _found(program):
        if first is None:
            raise _refusal(node, f"TensorRT {words}", _OTHER_OPS)
        if first <= oldest:
            continue
        if not admits(versions, first):
            what = f"TensorRT {words} before {first}, and the target has {told(versions)}"
            raise _refusal(node, what, f"a target with TensorRT {first}, or {_OTHER_OPS}")
        if first > asked:
            asked, because = first, f"before {first} TensorRT {words} ({_label(node)})"
    _demand_opset(program, versions, asked)
    number = opset(program)
    first = since_opset(number) or asked
    if first > asked:
        asked, because = first, f"before {first} TensorRT does not read operator set {number}"
    return _joined(versions, asked), because


def _joined(versions: SpecifierSet, asked: Version) -> SpecifierSet:
    """The same range from `asked` on, in as few clauses as say it."""
    others = [str(s) for s in versions if s.operator not in (">=", ">")]
    kept = [str(s) for s in versions if s.operator == ">" and Version(s.version) >= asked]
    return SpecifierSet(",".join((f">={asked}", *kept, *others)))


def _demand_opset(program: Program, versions: SpecifierSet, asked: Version) -> None:
    number = opset(program)
    first = since_opset(number)
    if first is not None and (first <= asked or admits(versions, first)):
        return
    what = (
        f"no TensorRT of {told(versions)} reads operator set {number}"
        if str(versions)
        else (f"no TensorRT that is known reads operator set {number}")
    )
    raise LoweringError(
        what,
        where=program.name,
        fix=f"runtime.max_opset = {newest_opset(asked)} in the target's profile",
    )


def _demand_sizes(program: Program) -> None:
    """Refuse outputs as long as the data makes them: nobody can say how much memory to bind."""
    known = {size for port in program.inputs for size in port.shape}
    makers = [n for n in program.graph.graph if n.op_type in _COUNTS]
    for port in program.outputs if makers else ():
        free = [size for size in port.shape if isinstance(size, str) and size not in known]
        if free:
            fix = "an output of a fixed size, such as the best 100, padded"
            raise _refusal(makers[0], f"the size of output {port.name} hangs on the data", fix)


def _found(program: Program) -> Iterator[tuple[ir.Node, Limit]]:
    for node in program.graph.graph.all_nodes():
        if node.domain not in _STANDARD:
            yield node, (None, f"reads no {node.op_type} of {node.domain}")
            continue
        first = since(node.op_type)
        if first is None:
            yield node, (None, f"reads no {node.op_type}")
            continue
        yield node, (first, f"reads no {node.op_type}")
        for limit in (*limits(node), *held(node), *pairs(node)):
            yield node, limit


def _refusal(node: ir.Node, what: str, fix: str) -> LoweringError:
    return LoweringError(what, where=_label(node), fix=fix)


def _label(node: ir.Node) -> str:
    return f"node {node.name or name_of(node.outputs[0])} ({node.op_type})"
