"""What the artifact's products ran in, as its runtime told, never as it was asked to."""

from __future__ import annotations

from mcompile.record import Report

_REST = "what cannot be told"


def shares(report: Report) -> dict[str, float]:
    """The share of all products (0..1) by the precision of their kernels, the largest first.

    Layers that were not recognized count as untold. Empty where the runtime tells of no layer.
    """
    found: dict[str, float] = {}
    for layer in report.layers:
        if layer.precision and layer.macs_m:
            found[layer.precision] = found.get(layer.precision, 0.0) + layer.macs_m
    known = sum(found.values())
    total = max(_counted(report), known)
    if not found:
        return {}
    rest = max(0.0, total - known)
    by_size = {n: found[n] / total for n in sorted(found, key=lambda n: -found[n])}
    return by_size | ({_REST: rest / total} if rest > 0.005 * total else {})


def told(report: Report) -> str:
    """`82 % of the products ran in int8, 18 % in fp32`; empty where the runtime does not tell.

    Where they ran on another machine than the profile's device, that is said.
    """
    parts = [f"{100 * part:.3g} % in {name}" for name, part in shares(report).items()]
    if not parts:
        return ""
    words = [parts[0].replace(" in ", " of the products ran in ", 1), *parts[1:]]
    return ", ".join(words) + _elsewhere(report)


def _elsewhere(report: Report) -> str:
    timed = report.variants[0].find("latency_p50_ms") if report.variants else None
    return "" if timed is None or timed.counts else f" on {timed.device}"


def _counted(report: Report) -> float:
    """All MACs of the artifact in millions, as they were counted on its graph."""
    counted = report.variants[0].find("macs_g") if report.variants else None
    return counted.value * 1e3 if counted else 0.0
