"""The other end of `apart`: loads files as they come on stdin and runs each once.

It is started as a script and imports nothing of ours, so that it is there in a quarter of a second.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

HEAD = struct.Struct("<Q??")
"""In front of a file: its bytes, whether a size is free, whether it is run."""

KERNELS = (OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES, OpResolverType.AUTO)
"""The runtime's own, which every device has; and those of XNNPACK, where it takes an operator."""

_SECOND = 2
"""A size for what the caller may choose, beside the 1 that the file says."""


def main() -> None:
    """Answer each file with a line of JSON, until there are no more; logs go to stderr."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    read = sys.stdin.buffer.read
    with answers:
        while len(head := read(HEAD.size)) == HEAD.size:
            size, free, run = HEAD.unpack(head)
            answers.write(json.dumps(rehearsed(read(size), free=free, run=run)).encode() + b"\n")


def rehearsed(data: bytes, *, free: bool, run: bool) -> str:
    """What the runtime says against the file; empty where it takes it, and runs it if it is to."""
    said = ""
    for kernels in KERNELS:
        try:
            runner = Interpreter(
                model_content=data, num_threads=1, experimental_op_resolver_type=kernels
            )
            runner.allocate_tensors()
            if free:
                _stretch(runner)
        except (RuntimeError, ValueError) as error:
            return _words(error)
        try:
            _play(runner, run)
        except RuntimeError as error:
            said = said or _words(error)
    return said


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _stretch(runner: Any) -> None:
    """Ask for another size where one is free."""
    for given in runner.get_input_details():
        sizes = [_SECOND if d < 0 else int(d) for d in given["shape_signature"]]
        runner.resize_tensor_input(given["index"], sizes, strict=True)
    runner.allocate_tensors()


def _play(runner: Any, run: bool) -> None:
    """Run on ones where reals are read, on zeros where whole numbers are: those may be indices."""
    for given in runner.get_input_details() if run else ():
        fill = 1 if given["dtype"] == np.float32 else 0
        runner.set_tensor(given["index"], np.full(given["shape"], fill, given["dtype"]))
    if run:
        runner.invoke()


if __name__ == "__main__":
    main()
