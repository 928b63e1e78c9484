"""What a day's requests cost: inferences / throughput x hourly rate."""

from __future__ import annotations

from mcompile.types import Measured, Provenance


def cost(
    requests_per_day: float, throughput: Measured, usd_per_hour: float
) -> tuple[Measured, ...]:
    """`cost_usd_per_day`; nothing for a throughput that is not above zero.

    A bill is never measured: the figure is `predicted`, with the interval that the throughput has,
    and proves no more than the throughput does.
    """
    if not throughput.value > 0:
        return ()

    def bill(qps: float | None) -> float | None:
        return requests_per_day / qps / 3600 * usd_per_hour if qps and qps > 0 else None

    predicted = throughput.provenance is Provenance.PREDICTED
    value = requests_per_day / throughput.value / 3600 * usd_per_hour
    low, high = (bill(throughput.high), bill(throughput.low)) if predicted else (value, value)
    note = (
        f"{throughput.value:.4g} 1/s {throughput.provenance.value}, {usd_per_hour:g} USD/h stated"
    )
    if throughput.note and not throughput.counts:
        note = f"{note}; {throughput.note}"
    return (
        Measured(
            "cost_usd_per_day",
            value,
            "USD",
            Provenance.PREDICTED,
            low=low,
            high=high,
            device=throughput.device,
            counts=throughput.counts,
            note=note,
        ),
    )
