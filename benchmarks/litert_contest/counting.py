"""What a `.tflite` file is made of."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from mcompile.backends.litert.listing import Listed, listed

_UNCOUNTED = ("QUANTIZE", "DEQUANTIZE")


def count(job: dict[str, Any]) -> dict[str, Any]:
    """Operators, transposes, those that compute on floats, and those that are no builtin ones."""
    ops = listed(Path(job["path"]).read_bytes())
    kinds = Counter(op.kind for op in ops)
    return {
        "operators": len(ops),
        "transposes": kinds["TRANSPOSE"],
        "floats": sum(op.is_float for op in ops),
        "custom": kinds["CUSTOM"] + kinds["DELEGATE"],
        "edges": sum(kinds[k] for k in _UNCOUNTED),
        "kinds": dict(kinds.most_common()),
    }


def rows(path: Path) -> list[str]:
    """Every operator of the file in a line: its kind, and what it reads and makes."""
    return [_row(op) for op in listed(path.read_bytes())]


def _row(op: Listed) -> str:
    read = " ".join(f"{t.dtype}{list(t.shape)}" for t in op.computed)
    made = " ".join(f"{t.dtype}{list(t.shape)}" for t in op.outputs)
    return f"{op.kind:20} {read} -> {made}"
