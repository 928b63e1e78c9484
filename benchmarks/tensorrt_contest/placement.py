"""One model's pairs side by side, and why they differ where they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx
import onnx_ir as ir

from mcompile.schemes.tensorrt import TENSORRT_8, TENSORRT_10
from tensorrt_contest import ours
from tensorrt_contest.given import Given
from tensorrt_contest.layout import Pair, Slot, pairs
from tensorrt_contest.reasons import OURS_ALONE, THEIRS_ALONE, Difference, Wiring, reason
from tensorrt_contest.vendor import Vendor

SCHEMES = {"TENSORRT_8": TENSORRT_8, "TENSORRT_10": TENSORRT_10}
_UNEXPLAINED = "no rule"


def visit(given: Given, vendor: Vendor, rows: bool) -> list[str]:
    """Print the model's table; what is wrong, in words."""
    theirs = vendor.quantize(given.folder, "max")
    files = written(given)
    found = {f.stem: pairs(onnx.load(f)) for f in (*files, theirs)}
    wiring = Wiring(onnx.load(given.folder / "float.onnx"))
    first, second, other = found["TENSORRT_8"], found["TENSORRT_10"], found[theirs.stem]
    faults = [] if _alike(first, second) else ["both schemes place alike"]
    lines, wrong = _compared(wiring, second, other, rows)
    same = sum(s in other and second[s].equals(other[s]) for s in second)
    print(f"\n{given.name}: {len(wiring.nodes)} nodes, pairs: ours {len(second)}, theirs "
          f"{len(other)}, {same} equal in place and scale", flush=True)  # fmt: skip
    print("\n".join(lines))
    return [
        f"{given.name}: {fault}" for fault in (*faults, *wrong, *_judged(vendor, files, theirs))
    ]


def written(given: Given) -> list[Path]:
    """Our plain plan as a file for each scheme."""
    files = []
    for name, program in ours.plain(given, SCHEMES).items():
        files.append(given.folder / f"{name}.onnx")
        onnx.save(ir.to_proto(program.graph), files[-1])
    return files


def _alike(one: Mapping[Slot, Pair], other: Mapping[Slot, Pair]) -> bool:
    return one.keys() == other.keys() and all(one[s].equals(other[s]) for s in one)


def _compared(
    wiring: Wiring, ours: Mapping[Slot, Pair], theirs: Mapping[Slot, Pair], rows: bool
) -> tuple[list[str], list[str]]:
    """Lines of the table, each class of differences told once, and the differences of no class."""
    lines, wrong, seen = [], [], Counter[str]()
    for slot in _slots(wiring):
        one, two = ours.get(slot), theirs.get(slot)
        if one is not None and two is not None:
            why = "" if one.equals(two) else f"{_UNEXPLAINED}: scales differ"
        elif one is None and two is None:
            continue
        else:
            why = reason(Difference(slot, wiring, ours, theirs)) or _UNEXPLAINED
            seen[why] += 1
        line = f"  {wiring.nodes[slot[0]].op_type:20} {slot[0][:40]:40} {slot[1]}   "
        line += f"ours {one or '-'!s:8} theirs {two or '-'!s:8} {why}"
        wrong += [line.strip()] if why.startswith(_UNEXPLAINED) else []
        lines += [line] if rows or why else []
    told = {name: text for name, (_, text) in (OURS_ALONE | THEIRS_ALONE).items()}
    lines = lines if rows or len(lines) <= 8 else [*lines[:3], f"  ... {len(lines) - 3} more"]
    return lines + [f"  {n} x {c}: {told[c]}" for c, n in seen.items() if c in told], wrong


def _slots(wiring: Wiring) -> Iterator[Slot]:
    for name, node in wiring.nodes.items():
        yield from ((name, index) for index in range(len(node.input)))


def _judged(vendor: Vendor, files: list[Path], theirs: Path) -> list[str]:
    """What NVIDIA's compiler makes of all graphs, printed; what it refuses of ours."""
    told = vendor.compile([*files, theirs])
    for name, found in told.items():
        said = found.get("error") or f"{found['kernels']} kernels, {found['integer']} on integers"
        print(f"  compiled {name:14} {said}")
    mine = {f.stem for f in files}
    return [
        f"{n}: {t['node']}: {t['error']}" for n, t in told.items() if n in mine and "error" in t
    ]
