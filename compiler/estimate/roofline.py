"""Latency of a device that is not here, from what its profile says it can do at most.

    floor   = max(sum flops / peak, (weights - what a cache may hold) / bandwidth)
    ceiling = sum over nodes of (flops / (peak * e) + bytes / (bandwidth * e) + overhead)

with e = 10 %. Nothing runs faster than the floor. The ceiling is a judgement: `benchmarks/
estimate.py` shows how far real runs stay below it. The value is the geometric mean of the two,
because what is not known is a factor and not a sum.
"""

from __future__ import annotations

import math
from dataclasses import replace

from mcompile.estimate.work import NodeWork, Work
from mcompile.profile import Device
from mcompile.types import Measured, Precision, Provenance

EFFICIENCY = 0.10
"""The least share of peak and bandwidth that a runtime worth using is taken to reach."""

OVERHEAD_S = 20e-6
"""The most that calling one node is taken to cost."""

CACHE_BYTES = 64e6
"""Weights up to this size may stay in a cache between runs and need no bandwidth."""

_TAIL = "; open above, as the tail depends on what else the device does"


def latency(work: Work, device: Device, precision: Precision) -> tuple[float, float] | None:
    """Seconds of the floor and the ceiling, or None where the profile gives no peak."""
    peaks = _peaks(device, precision)
    if peaks is None:
        return None
    fast, slow = peaks
    moved = (device.bandwidth_gbps or 0.0) * 1e9
    compulsory = max(0.0, work.weight_bytes - CACHE_BYTES) / moved if moved else 0.0
    products = sum(2 * (n.macs or 0) for n in work.nodes)
    floor = max(products / fast, compulsory)
    return floor, sum(_slowest(n, slow, moved) for n in work.nodes)


def predict(work: Work, device: Device, precision: Precision) -> tuple[Measured, ...]:
    """`latency_p50_ms`, p90, p99, `throughput_qps`, `fps`, `power_w`, `energy_mj` of one input.

    All `predicted`, with `low` and `high`. The tail is open above: it depends on what else the
    device does, so a prediction can fail a p99 budget and never pass it. All is open above where
    the profile gives no bandwidth. Nothing where it gives no peak; no energy without a power.
    """
    found = latency(work, device, precision)
    if found is None or not work.nodes or found[0] <= 0:
        return ()
    low, high = found[0] * 1e3, max(found) * 1e3
    note = f"roofline, {EFFICIENCY:.0%} to 100 % of the profile's peak"
    if work.unknown:
        note, high = f"{note}; {len(work.unknown)} nodes could not be counted", math.inf
    if not device.bandwidth_gbps:
        # An accelerator's peak alone says nothing of what moves to it, or stays on its host.
        note, high = f"{note}; the profile has no bandwidth to bound it above", math.inf
    rows = [_between("latency_p50_ms", low, high, "ms", note)]
    rows += [_between(f"latency_p{q}_ms", low, math.inf, "ms", f"{note}{_TAIL}") for q in (90, 99)]
    rows += [_between(n, 1e3 / high, 1e3 / low, "1/s", note) for n in ("throughput_qps", "fps")]
    return (*rows, *_energy(device, rows[0]))


def _energy(device: Device, run: Measured) -> tuple[Measured, ...]:
    """Power from idle to full load, and the energy of a run of that length."""
    if device.power_w is None:
        return ()
    least, most = device.idle_w or 0.0, device.power_w
    power = Measured(
        "power_w",
        (least + most) / 2,
        "W",
        Provenance.PREDICTED,
        low=least,
        high=most,
        note="from idle to full load, as the profile has them",
    )
    low, high = run.low or 0.0, run.high
    energy = replace(
        power,
        name="energy_mj",
        unit="mJ",
        value=power.value * run.value,
        low=least * low,
        high=None if high is None else most * high,
        note="predicted power x predicted latency",
    )
    return power, energy


def _slowest(node: NodeWork, peak: float, bandwidth: float) -> float:
    compute = (node.flops or 0) / (peak * EFFICIENCY)
    traffic = node.moved_bytes / (bandwidth * EFFICIENCY) if bandwidth else 0.0
    return compute + traffic + OVERHEAD_S


def _between(name: str, low: float, high: float, unit: str, note: str) -> Measured:
    above = high if math.isfinite(high) else None
    middle = low if above is None else math.sqrt(low * high)
    return Measured(name, middle, unit, Provenance.PREDICTED, low=low, high=above, note=note)


def _peaks(device: Device, precision: Precision) -> tuple[float, float] | None:
    """Operations a second: the most the device may reach, and the least its peak may be.

    They differ where the profile lacks the precision's own peak, or a runtime may fall back.
    """
    single, half, whole = device.fp32_gflops, device.fp16_gflops, device.int8_gops
    if precision is Precision.FP32:
        slow = single
        # NVIDIA's runtimes run fp32 on tensor cores (TF32) from Ampere on, at half the fp16 rate.
        fast = half / 2 if half and _has_tf32(device) else single
    elif precision in (Precision.FP16, Precision.BF16):
        slow = half or single
        fast = half or _times(2, single)
    else:
        slow = half or single or _times(0.25, whole)
        fast = whole or _times(4, single)
    if slow is None or fast is None:
        return None
    return max(fast, slow) * 1e9, min(fast, slow) * 1e9


def _times(factor: float, figure: float | None) -> float | None:
    return None if figure is None else factor * figure


def _has_tf32(device: Device) -> bool:
    return float(device.compute_capability or 0) >= 8.0
