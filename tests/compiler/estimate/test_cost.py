from __future__ import annotations

import pytest

from mcompile.estimate.cost import cost
from mcompile.types import Measured, Provenance


def test_a_day_costs_its_hours_of_work():
    (row,) = cost(7200, Measured("throughput_qps", 2.0, "1/s"), 3.06)
    assert (row.name, row.value, row.unit) == ("cost_usd_per_day", pytest.approx(3.06), "USD")
    assert (row.provenance, row.low, row.high) == (Provenance.PREDICTED, row.value, row.value)


def test_a_predicted_throughput_gives_an_interval():
    qps = Measured("throughput_qps", 2.0, "1/s", Provenance.PREDICTED, low=1.0, high=4.0)
    (row,) = cost(7200, qps, 1.0)
    assert (row.low, row.value, row.high) == pytest.approx((0.5, 1.0, 2.0))


def test_an_open_throughput_leaves_the_bill_open():
    qps = Measured("throughput_qps", 2.0, "1/s", Provenance.PREDICTED, low=0.0, high=None)
    (row,) = cost(7200, qps, 1.0)
    assert (row.low, row.high) == (None, None)


def test_a_throughput_measured_elsewhere_proves_no_bill():
    qps = Measured("throughput_qps", 2.0, "1/s", device="Xeon", counts=False, note="not a t4")
    (row,) = cost(7200, qps, 1.0)
    assert (row.counts, row.device) == (False, "Xeon")
    assert "not a t4" in row.note


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_no_throughput_no_bill(value):
    assert cost(7200, Measured("throughput_qps", value, "1/s"), 1.0) == ()
