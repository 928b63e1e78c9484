"""Before and after, as ratios.

PCR = parameters before / after        ITS = time before / after
ESR = energy before / after            AL  = (accuracy before - after) / accuracy before
"""

from __future__ import annotations

from collections.abc import Sequence

from mcompile.measure.accuracy import Metric
from mcompile.types import Measured, Provenance

_RATIOS = {"pcr": "params_m", "its": "latency_p50_ms", "esr": "energy_mj"}


def compare(before: Sequence[Measured], after: Sequence[Measured]) -> tuple[Measured, ...]:
    """`pcr`, `its`, `esr` and `al`, each where both sides have its figure and neither predicts."""
    rows = []
    for name, figure in _RATIOS.items():
        pair = _pair(before, after, figure)
        if pair is not None and pair[1].value > 0:
            rows.append(_derived(name, pair[0].value / pair[1].value, pair))
    pair = _pair(before, after, "accuracy")
    if pair is not None and pair[0].value > 0:
        lost = (pair[0].value - pair[1].value) / pair[0].value
        rows.append(_derived("al", lost, pair))
    return tuple(rows)


def drop(
    before: Sequence[Measured], after: Sequence[Measured], metric: Metric
) -> tuple[Measured, ...]:
    """`accuracy_drop_pp`: how much worse the metric became, in its unit; negative where better.

    Percentage points for a metric in percent. Nothing where a side was not measured.
    """
    pair = _pair(before, after, "accuracy" if metric.higher_is_better else metric.name)
    if pair is None:
        return ()
    worse = pair[0].value - pair[1].value
    unit = "pp" if metric.unit == "%" else metric.unit
    return (_derived("accuracy_drop_pp", worse if metric.higher_is_better else -worse, pair, unit),)


def _pair(
    before: Sequence[Measured], after: Sequence[Measured], name: str
) -> tuple[Measured, Measured] | None:
    first, second = _only(before, name), _only(after, name)
    return None if first is None or second is None else (first, second)


def _only(rows: Sequence[Measured], name: str) -> Measured | None:
    found = (m for m in rows if m.name == name and m.provenance is not Provenance.PREDICTED)
    return next(found, None)


def _derived(name: str, value: float, pair: tuple[Measured, Measured], unit: str = "") -> Measured:
    after = pair[1]
    simulated = any(m.provenance is Provenance.SIMULATED for m in pair)
    return Measured(
        name,
        value,
        unit,
        provenance=Provenance.SIMULATED if simulated else after.provenance,
        device=after.device,
        counts=all(m.counts for m in pair),
        note=after.note,
    )
