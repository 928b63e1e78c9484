"""What the compiler's refusals say, without its own source files and lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import onnx_ir as ir

from mcompile.errors import LoweringError
from mcompile.graph import name_of
from mcompile.types import Program

WAYS_OUT = "`mcompile explain LoweringError` lists the ways out"
_TURING_OUT = "--precision fp16, --backend tensorrt, or a target of compute capability 8.0 or later"
_TURING = re.compile(r"for Turing|target\(s\) sm75")
_HAS_NONE = re.compile(
    r"not found in (?:the )?plugin registry|plugin was not found|no runners"
    r"|[Nn]o importer registered"
)
_LOOPS = {"LSTM", "GRU", "RNN", "Loop", "Scan"}
"""They become loops, whose layers bear no names of ours."""

_NAMED = (
    r"Cannot compile operation '(?P<name>.+?)' for",
    r"Invalid Node - (?P<name>.+)",
    r"constraints: (?P<name>.+?): ",
    r"\((?P<name>[^():]+): \w+Operation",
)
_NOISE = (
    r"\n?\[checkMacros[^\n]*",
    r"I\w+::\w+: Error Code \d+: [\w ]+?\(",
    r"^Myelin \(|^\(?\[[\w.]+:\d+: \w+\] ",
    r" In \S+ at /_src/[\w./]+:\d+",
    r"Assertion failed: [^\n]*? && \"?|Assertion failed: ",
    r"^creator && ",
    r"Invalid Node - [^\n]*\n",
)


def has_none(error: LoweringError) -> bool:
    """Whether the compiler has nothing for an op, rather than found the graph wrong."""
    return bool(_HAS_NONE.search(error.where))


def limited_by_turing(error: LoweringError) -> bool:
    """Whether the refusal is one of the limits that the compiler has on Turing alone."""
    return error.fix == _TURING_OUT


def refusal(refused: Sequence[Mapping[str, Any]], source: Program) -> LoweringError:
    """The first refusal as an error that names node and op."""
    first = refused[0]
    what = str(first["what"])
    node = _node(first, what, source)
    reason = _plain(what)
    if node is None:
        where = " ".join(filter(None, (first["op"] and f"({first['op']})", reason)))
    else:
        where = f"node {_label(node)} ({node.op_type}): {reason}"
    return LoweringError(
        "TensorRT-RTX cannot compile this model",
        where=where or source.name,
        fix=_TURING_OUT if _TURING.search(what) else WAYS_OUT,
    )


def _node(told: Mapping[str, Any], what: str, source: Program) -> ir.Node | None:
    """The node of the source that is meant; None where the compiler does not tell."""
    nodes = list(source.graph.graph.all_nodes())
    names = [str(told["node"])] if told["node"] else []
    names += [found["name"] for pattern in _NAMED for found in [re.search(pattern, what)] if found]
    for name in names:
        for node in nodes:
            if name in (node.name, f"node_of_{node.outputs[0].name}"):
                return node
    outer = list(source.graph.graph)
    index = int(told["index"])
    if 0 <= index < len(outer) and outer[index].op_type == told["op"]:
        return outer[index]
    loops = [node for node in nodes if node.op_type in _LOOPS]
    return loops[0] if loops and any("Loop" in name for name in names) else None


def _label(node: ir.Node) -> str:
    return node.name or name_of(node.outputs[0])


def _plain(what: str) -> str:
    """The compiler's words on one line, at most 300 characters of them."""
    for pattern in _NOISE:
        what = re.sub(pattern, "", what)
    told = " ".join(what.split()).strip(" )\"'")
    return told[:300] if told not in ("", "false") else "it is not supported"
