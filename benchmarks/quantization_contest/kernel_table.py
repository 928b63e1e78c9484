"""What OpenVINO makes of ours and of NNCF's IR of a model: operations, kernels and their times."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from quantization_contest.course import Laid
from quantization_contest.ir_summary import DEFAULT, best
from quantization_contest.shop import Shop
from quantization_contest.summary import View


def show(view: View, shop: Shop, laid: Laid) -> str:
    """One paragraph each of ours, of NNCF's default and of its most accurate setting."""
    parts = [f"## {laid.name}"]
    for name in dict.fromkeys((view.ours("openvino"), DEFAULT, best(view, laid.name))):
        path = laid.work / name / "model.xml"
        if path.exists():
            told = shop.ask("openvino", "kernels/openvino", laid.files | {"path": str(path)})
            view.results.add(kind="kernels", model=laid.name, variant=name, **told)
            parts.append(f"### {name}\n\n{told.get('error') or described(told)}")
    return "\n\n".join(parts)


def described(told: dict[str, Any]) -> str:
    """Operations by type, constants, and kernels by type and implementation, the slowest first."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in told["operations"].items())
    lines = [
        f"{sum(told['operations'].values())} operations: {kinds}",
        f"{told['constants']} constants of {told['constant_bytes'] / 1e3:.1f} kB",
        f"{len(told['kernels'])} kernels, {sum(k[3] for k in told['kernels']):.3f} ms",
        "",
    ]
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _, kind, implementation, spent in told["kernels"]:
        groups[kind, implementation].append(spent)
    for (kind, implementation), spent in sorted(groups.items(), key=lambda g: -sum(g[1])):
        lines.append(f"    {sum(spent):9.4f} ms {len(spent):4} {kind} {implementation}")
    return "\n".join(lines)
