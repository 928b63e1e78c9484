"""Has the runtime read and run a file once before anybody is given it."""

from __future__ import annotations

import re
from bisect import bisect_left

from mcompile.backends.litert.apart import Told, tried
from mcompile.backends.litert.draft import Draft, Op, Tensor
from mcompile.backends.litert.flatbuffer import Interface, packed
from mcompile.backends.litert.listing import Listed, Seen, macs
from mcompile.backends.litert.reasons import reason, way_out
from mcompile.errors import LoweringError

_QUICK_MACS = 1_000_000_000
"""Run once with either kernels in a tenth of a second; what is larger is loaded only."""

_PARTICULAR = frozenset(
    {"DIV", "EMBEDDING_LOOKUP", "FLOOR_DIV", "FLOOR_MOD", "GATHER", "GATHER_ND", "ONE_HOT", "POW",
     "RANGE", "SCATTER_ND", "SLICE", "STRIDED_SLICE", "TOPK_V2"}
)  # fmt: skip
"""Kernels that refuse some numbers or sizes when they run."""

_NUMBERED = re.compile(r"failed to delegate \w+ node #(\d+)|[Nn]ode number (\d+) \((?!TfLite)")


def proven(data: bytes, draft: Draft, name: str) -> None:
    """Raise `LoweringError` naming the node whose operator the runtime refuses or crashes on.

    Its own kernels are asked, which every device has, and those of XNNPACK.
    """
    told = _tried(data, draft)
    if told.crash:
        number = _crashing(draft, name)
        said = ""
        what = f"LiteRT crashes on {_operator(number, draft)} ({told.crash})"
    elif told.refusal and not _of_numbers(told.refusal):
        number = _number(told.refusal, draft)
        said = reason(told.refusal, bool(draft.stand_in))
        what = f"LiteRT refuses {_operator(number, draft)}: {said}"
    else:
        return
    raise LoweringError(
        what,
        where=name if number is None else draft.ops[number].origin or name,
        fix=way_out(said),
    ) from RuntimeError(told.refusal or told.crash)


def _tried(data: bytes, draft: Draft) -> Told:
    return tried(data, free=bool(draft.stand_in), run=_is_quick(draft))


def _is_quick(draft: Draft) -> bool:
    return sum(macs(_listed(op, draft)) for op in draft.ops) <= _QUICK_MACS


def _listed(op: Op, draft: Draft) -> Listed:
    """The operator as it is read back from a file."""

    def seen(tensor: Tensor) -> Seen:
        shape = (d // draft.stand_in if draft.is_free(d) else d for d in tensor.shape)
        return Seen(tensor.index, tensor.dtype, tuple(shape), tensor.data is not None)

    inputs = tuple(None if t is None else seen(t) for t in op.inputs)
    return Listed(op.kind, 0, inputs, tuple(map(seen, op.outputs)), op.fields)


def _crashing(draft: Draft, name: str) -> int | None:
    """The place of the first operator with which the file crashes; None where only the whole does.

    Found by halving: the operators before it make a file that does not.
    """

    def crashes(count: int) -> bool:
        data = _beginning(draft, count, name)
        return bool(_tried(data, draft).crash)

    counts = range(1, len(draft.ops) + 1)
    return bisect_left(counts, True, key=crashes) if crashes(counts[-1]) else None


def _beginning(draft: Draft, count: int, name: str) -> bytes:
    """A file of the first operators, which hands on what the last of them makes."""
    part = Draft(draft.stand_in)
    part.tensors, part.ops = draft.tensors, draft.ops[:count]
    made = {t for op in part.ops for t in op.outputs}
    read = dict.fromkeys(t for op in part.ops for t in op.inputs if t is not None)
    inputs = [t for t in read if t not in made and t.data is None and not t.variable]
    ends = part.ops[-1].outputs
    ports = Interface([(t.name, t) for t in inputs], [(t.name, t) for t in ends], {})
    return packed(part, ports, name)


def _of_numbers(told: str) -> bool:
    """Whether a kernel minded the numbers, which were made up, as a divisor of 0 or an index."""
    found = re.search(r"\((\w+)\) failed to invoke", told)
    return found is not None and found[1] in _PARTICULAR


def _number(told: str, draft: Draft) -> int | None:
    found = _NUMBERED.search(told)
    number = int(found[1] or found[2]) if found else len(draft.ops)
    return number if number < len(draft.ops) else None


def _operator(number: int | None, draft: Draft) -> str:
    return "the file" if number is None else draft.ops[number].kind
