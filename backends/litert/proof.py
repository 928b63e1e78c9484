"""Has the runtime read a file once before anybody is given it."""

from __future__ import annotations

import re

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from mcompile.backends.litert.draft import Draft
from mcompile.backends.litert.place import WAYS_OUT
from mcompile.errors import LoweringError

_SECOND = 2
"""A size for what the caller may choose, beside the 1 that the file says."""

_SIZES = "--input with a number for the free size, such as --input F32[1,3,224,224]"


def proven(data: bytes, draft: Draft, name: str) -> None:
    """Raise `LoweringError` naming the node whose operator the runtime refuses.

    Its own kernels are asked: every device has them, a delegate takes what it can.
    """
    try:
        runner = Interpreter(
            model_content=data,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        runner.allocate_tensors()
        if draft.stand_in:
            _stretch(runner)
    except (RuntimeError, ValueError) as error:
        told = " ".join(str(error).split())
        raise LoweringError(
            f"LiteRT refuses {_operator(told, draft)}: {told[:200]}",
            where=_origin(told, draft) or name,
            fix=_SIZES if draft.stand_in else WAYS_OUT,
        ) from error


def _stretch(runner: Interpreter) -> None:
    """Ask for another size where one is free."""
    for given in runner.get_input_details():
        sizes = [_SECOND if d < 0 else int(d) for d in given["shape_signature"]]
        runner.resize_tensor_input(given["index"], sizes, strict=True)
    runner.allocate_tensors()


def _number(told: str, draft: Draft) -> int | None:
    found = re.search(r"[Nn]ode number (\d+)", told)
    number = int(found[1]) if found else len(draft.ops)
    return number if number < len(draft.ops) else None


def _operator(told: str, draft: Draft) -> str:
    number = _number(told, draft)
    return "the file" if number is None else draft.ops[number].kind


def _origin(told: str, draft: Draft) -> str:
    number = _number(told, draft)
    return "" if number is None else draft.ops[number].origin
