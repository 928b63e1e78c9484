"""What the commands print of a rule log and of a model, line by line."""

from __future__ import annotations

from mcompile.inspection import Inspection
from mcompile.record import Log
from mcompile.report import figures


def told(log: Log, verbose: bool) -> list[str]:
    """The rule log in lines: counts, what was undone, and with `verbose` each rewrite."""
    lines = [f"applied  {a.rule}  at {a.node}" for a in log.applied] if verbose else []
    lines += [f"skipped  {s.rule}  at {s.node}: {s.reason}" for s in log.skipped if verbose]
    for u in log.undone:
        lines.append(f"undone   {u.rule}  at {u.node}: {u.error}")
        if u.reproducer:
            lines.append(f"         shown by {u.reproducer} (mcompile explain reproducer)")
    counts: dict[str, int] = {}
    for made in log.applied:
        counts[made.rule] = counts.get(made.rule, 0) + 1
    lines += [f"{rule}: {times}" for rule, times in sorted(counts.items())]
    return [*lines, f"the numbers could not be compared: {log.unproven}"] if log.unproven else lines


def described(found: Inspection) -> list[str]:
    """A model in figures, and what the targets would say of it."""
    lines = [f"{found.name}: {found.nodes} nodes, opset {found.opset}"]
    lines += [f"  in   {p.name}  {p.dtype}{list(p.shape)}" for p in found.inputs]
    lines += [f"  out  {p.name}  {p.dtype}{list(p.shape)}" for p in found.outputs]
    lines += [f"  {figures.label(m.name):22} {figures.found(m)}" for m in found.figures]
    lines += ["", "  ops  " + "  ".join(f"{op} {n}" for op, n in found.ops.items()), ""]
    for each in found.outlook:
        latency = figures.found(each.latency_p50_ms) if each.latency_p50_ms else "no prediction"
        here = "" if each.available else "its backend is not part of this version"
        lines.append(f"  {each.target:18} {each.precision.value:5} {latency:>18}  {here}".rstrip())
        lines += [f"      refuses: {why}" for why in each.refuses]
    return lines
