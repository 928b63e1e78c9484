"""What the runtime's errors say, without its own source files and lines."""

from __future__ import annotations

import re

from mcompile.graph import name_of
from mcompile.types import Program

WAYS_OUT = "`mcompile explain LoweringError` lists the ways out"


def node_in(error: Exception, program: Program) -> str:
    """Node and op where OpenVINO names either, and its reason."""
    found = re.search(r"<Node\((\w+)\): ([^>]+)>", str(error))
    if found:
        return f"node {found[2]} ({found[1]}): {reason(error)}"
    for node in program.graph.graph:
        op, full = re.escape(node.op_type), re.escape(f"{node.domain}.{node.op_type}")
        if re.search(rf"\b{op}-\d+|\b{full}\b", str(error)):
            return f"node {node.name or name_of(node.outputs[0])} ({node.op_type}): {reason(error)}"
    return reason(error)


def reason(error: Exception) -> str:
    """The line of the message that says something, not those that name OpenVINO's own sources."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [n for n in lines if n and not re.search(r"\.[ch]pp:\d+|^Exception from", n)]
    return (told or lines or ["no message"])[-1].removeprefix("-- ")[:300]
