"""Holds what was found against what must hold. Pure: it runs no model and reads no file.

A limit is at most or at least. A measured, simulated or stated number is inside or it is not. A
prediction passes only where its whole interval is inside, and fails only where the whole interval
is outside. Whatever else happens, a number that is missing, or was measured on another device
than the profile's, proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcompile.profile import Budgets
from mcompile.types import Check, Measured, Precision, Provenance, Verdict


@dataclass(frozen=True)
class Row:
    """A budget: the field that holds the limit, the metric it limits, and the side that is good."""

    budget: str
    metric: str
    at_most: bool
    unit: str
    advice: str = ""


_SMALLER = "a smaller input, a lighter architecture, or pruning"
_LIGHTER = f"{_SMALLER}; or a profile with more room"
_TEACH = (
    "distil or train quantization-aware; then more calibration data; then fp16 in place of int8"
)
_NUMERICS = "more calibration data; then fp16 in place of int8"
_CLOSER = {
    Precision.FP32: "report this model",
    Precision.INT4_WEIGHTS: "int8-weights; then fp16",
    Precision.INT8_WEIGHTS: "fp16; then fp32",
    Precision.INT8_DYNAMIC: "int8-weights; then fp16",
    Precision.INT16X8: "more calibration data; then fp16",
}
"""What is nearer to the model, before or after more calibration data."""

ROWS = (
    Row("size_mb", "size_mb", True, "MB", _LIGHTER),
    Row("memory_peak_mb", "memory_peak_mb", True, "MB", _LIGHTER),
    Row("latency_p50_ms", "latency_p50_ms", True, "ms", _SMALLER),
    Row("latency_p90_ms", "latency_p90_ms", True, "ms", _SMALLER),
    Row("latency_p99_ms", "latency_p99_ms", True, "ms", _SMALLER),
    Row("throughput_qps", "throughput_qps", False, "1/s", f"a larger batch; then {_SMALLER}"),
    Row("fps", "fps", False, "1/s", _SMALLER),
    Row("power_w", "power_w", True, "W", f"a lower power mode, or fewer threads; then {_SMALLER}"),
    Row("energy_mj", "energy_mj", True, "mJ", _SMALLER),
    Row("accuracy_min", "accuracy", False, "%", _TEACH),
    Row("accuracy_drop_pp", "accuracy_drop_pp", True, "pp", _NUMERICS),
    Row("agreement_min", "agreement", False, "%", _NUMERICS),
    Row("sqnr_db_min", "sqnr_db", False, "dB", _NUMERICS),
    Row("stability_std_max", "stability_std", True, "", "a deterministic runtime, or one thread"),
    Row("error_rate_max", "error_rate", True, "%", "fp32, to see whether the range is too small"),
    Row("cost_usd_per_day", "cost_usd_per_day", True, "USD", f"a larger batch; then {_SMALLER}"),
    Row("macs_g", "macs_g", True, "G", _SMALLER),
    Row("params_m", "params_m", True, "M", "a lighter architecture, or pruning"),
    Row("flash_kb", "flash_kb", True, "kB", _LIGHTER),
    Row("ram_kb", "ram_kb", True, "kB", _LIGHTER),
    Row("arena_kb", "arena_kb", True, "kB", _LIGHTER),
)

ALWAYS = (
    Row("", "finite_outputs", True, "samples", "fp32, to see whether the range is too small"),
    Row("", "output_shapes", True, "samples", "report this model: shapes must not change"),
    Row("", "determinism", True, "runs", "one thread; some parallel sums are not repeatable"),
)
"""Judged whatever the budgets say: each counts what went wrong, and none may."""

FLOOR_DB = {
    Precision.FP32: 40.0,
    Precision.FP16: 20.0,
    Precision.BF16: 10.0,
    Precision.INT8: 3.0,
    Precision.INT8_DYNAMIC: 3.0,
    Precision.INT8_WEIGHTS: 10.0,
    Precision.INT4_WEIGHTS: 3.0,
    Precision.INT16X8: 10.0,
}
"""SQNR below which an artifact does not compute the model: float must be the model but for
rounding. An error as strong as the signal (0 dB, which an output of zeros has) is no approximation,
and integers must stay clear of it."""

FLOOR_PERCENT = {
    Precision.FP32: 99.0,
    Precision.FP16: 90.0,
    Precision.BF16: 90.0,
    Precision.INT8: 50.0,
    Precision.INT8_DYNAMIC: 50.0,
    Precision.INT8_WEIGHTS: 90.0,
    Precision.INT4_WEIGHTS: 50.0,
    Precision.INT16X8: 90.0,
}
"""The same for programs whose outputs are all integers: a class, a mask."""

_FLOATS = frozenset({Precision.FP32, Precision.FP16, Precision.BF16})

_BEST_FIRST = (
    Provenance.MEASURED,
    Provenance.SIMULATED,
    Provenance.STATED,
    Provenance.PREDICTED,
)


def validate(
    measured: Sequence[Measured],
    budgets: Budgets,
    *,
    precision: Precision = Precision.FP32,
    require_measured: bool = False,
) -> tuple[Check, ...]:
    """One check for each budget that is set, then those that are always on.

    Of several numbers of one name the best counts: measured on the device, simulated, stated,
    predicted, measured elsewhere. `precision` is what was built. With `require_measured` a hard
    check that would be unproven has failed.
    """
    found = [
        _check(row, limit, row.budget, measured, row.budget not in budgets.soft)
        for row in ROWS
        if (limit := getattr(budgets, row.budget)) is not None
    ]
    found += [_always(row, measured) for row in ALWAYS]
    found.append(_agreement(measured, precision))
    advised = [_advised(check, precision) for check in found]
    return tuple(_strict(check) if require_measured else check for check in advised)


def verdict(checks: Sequence[Check]) -> Verdict:
    """Failed if a hard check failed, else unproven if one is unproven or there are none."""
    hard = {check.verdict for check in checks if check.hard}
    if Verdict.FAILED in hard:
        return Verdict.FAILED
    return Verdict.UNPROVEN if Verdict.UNPROVEN in hard or not hard else Verdict.PASSED


def _check(row: Row, limit: float, name: str, measured: Sequence[Measured], hard: bool) -> Check:
    best = _best([m for m in measured if m.name == row.metric])
    if best is None:
        return Check(name, limit, None, Verdict.UNPROVEN, hard, f"{row.metric} was not measured")
    decided, because = _judge(row, limit, best)
    return Check(name, limit, best, decided, hard, because)


def _best(rows: Sequence[Measured]) -> Measured | None:
    return min(rows, key=lambda m: (not m.counts, _BEST_FIRST.index(m.provenance)), default=None)


def _judge(row: Row, limit: float, found: Measured) -> tuple[Verdict, str]:
    if not found.counts:
        elsewhere = f"{found.provenance.value} on {found.device or 'another device'}"
        return Verdict.UNPROVEN, found.doubt or f"{elsewhere}, which is not the profile's device"
    if found.provenance is not Provenance.PREDICTED:
        inside = found.value <= limit if row.at_most else found.value >= limit
        if inside:
            return Verdict.PASSED, ""
        return Verdict.FAILED, _beyond(row, limit, found.value)
    low = -math.inf if found.low is None else found.low
    high = math.inf if found.high is None else found.high
    least, most = (low, high) if row.at_most else (-high, -low)
    edge = limit if row.at_most else -limit
    if least <= most <= edge:
        return Verdict.PASSED, "the whole predicted interval is inside"
    if edge < least <= most:
        return Verdict.FAILED, "the whole predicted interval is outside"
    return Verdict.UNPROVEN, "the limit lies inside the predicted interval"


def _beyond(row: Row, limit: float, value: float) -> str:
    if math.isnan(value):
        return "it is not a number"
    return f"{value:.4g} is {'above' if row.at_most else 'below'} {limit:.4g} {row.unit}".rstrip()


def _always(row: Row, measured: Sequence[Measured]) -> Check:
    """A check no budget asked for, so without a limit; a violation counts wherever it was seen."""
    bad = next((m for m in measured if m.name == row.metric and not m.value <= 0), None)
    if bad is not None:
        seen = f"{bad.value:g} {row.unit}, where there may be none"
        return Check(row.metric, None, bad, Verdict.FAILED, because=seen)
    return replace(_check(row, 0.0, row.metric, measured, True), limit=None)


def _agreement(measured: Sequence[Measured], precision: Precision) -> Check:
    """Numerical agreement with the oracle; by elements where no output is a float."""
    row, floor = Row("", "sqnr_db", False, "dB"), FLOOR_DB[precision]
    if not any(m.name == "sqnr_db" for m in measured):
        row, floor = Row("", "agreement", False, "%"), FLOOR_PERCENT[precision]
    check = replace(_check(row, floor, "oracle_agreement", measured, True), limit=None)
    if check.verdict is not Verdict.PASSED:
        return check
    return replace(check, because=f"the floor of {precision.value} is {floor:g} {row.unit}")


def _strict(check: Check) -> Check:
    if not check.hard or check.verdict is not Verdict.UNPROVEN:
        return check
    because = f"unproven, and --require-measured was given: {check.because}"
    return replace(check, verdict=Verdict.FAILED, because=because)


def _advised(check: Check, precision: Precision) -> Check:
    if check.verdict is not Verdict.FAILED:
        return check
    return replace(check, advice=_advice(check, precision))


def _advice(check: Check, precision: Precision) -> str:
    """What to do first: a wide miss calls for another runtime or precision, a near one does not."""
    row = next((r for r in (*ROWS, *ALWAYS) if check.name in (r.budget, r.metric)), None)
    reduced = precision not in _FLOATS
    if row is None or row.advice == _NUMERICS:
        if precision is not Precision.INT8:
            return _CLOSER.get(precision, "fp32")
        lost = check.measured.value if check.measured else 0.0
        return _TEACH if check.name == "accuracy_drop_pp" and lost > 3 else _NUMERICS
    if row.advice == _TEACH and not reduced:
        return "a larger or better trained model"
    if check.name.startswith("latency") and _ratio(check) > 2:
        return "a stronger runtime (TensorRT, OpenVINO) or device"
    if check.name == "size_mb" and _ratio(check) > 2 and not reduced:
        return "int8"
    return row.advice


def _ratio(check: Check) -> float:
    if check.measured is None or not check.limit:
        return 0.0
    return check.measured.value / check.limit
