from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcompile.estimate.roofline import EFFICIENCY, OVERHEAD_S, latency, predict
from mcompile.estimate.work import NodeWork, Work
from mcompile.profile import Device
from mcompile.types import Precision, Provenance

NODE = NodeWork("a", "Conv", 500_000_000, 10**9, 10**6, 10**6, 10**6)
WORK = Work((NODE, NODE), 10**6, 2 * 10**6)
DEVICE = Device("aarch64", bandwidth_gbps=10, fp32_gflops=100, int8_gops=400)


def named(rows):
    return {m.name: m for m in rows}


def test_the_floor_is_the_arithmetic_at_full_peak():
    floor, _ = latency(WORK, DEVICE, Precision.FP32)
    assert floor == pytest.approx(2e9 / 100e9)


def test_the_ceiling_is_everything_at_a_tenth_and_the_calls():
    _, ceiling = latency(WORK, DEVICE, Precision.FP32)
    node = 1e9 / (100e9 * EFFICIENCY) + 3e6 / (10e9 * EFFICIENCY) + OVERHEAD_S
    assert ceiling == pytest.approx(2 * node)


def test_weights_that_no_cache_holds_must_be_read():
    heavy = Work((replace(NODE, macs=1, flops=2, weight_bytes=10**9),), 1, 10**9)
    floor, _ = latency(heavy, DEVICE, Precision.FP32)
    assert floor == pytest.approx((1e9 - 64e6) / 10e9)


@given(
    st.integers(1, 10**12),
    st.integers(0, 10**9),
    st.floats(0.1, 1e6),
    st.none() | st.floats(0.1, 1e4),
    st.sampled_from(Precision),
)
def test_the_value_lies_in_its_interval(macs, moved, peak, bandwidth, precision):
    node = NodeWork("a", "Conv", macs, 2 * macs, moved, moved, moved)
    device = Device("x86_64", fp32_gflops=peak, bandwidth_gbps=bandwidth)
    for row in predict(Work((node,), 1, moved), device, precision):
        assert row.low * (1 - 1e-9) <= row.value
        assert row.high is None or row.value <= row.high * (1 + 1e-9)
        assert row.provenance is Provenance.PREDICTED


def test_integers_are_bounded_by_their_peak_and_by_falling_back():
    floor, ceiling = latency(WORK, DEVICE, Precision.INT8)
    assert floor == pytest.approx(2e9 / 400e9)
    assert ceiling == latency(WORK, DEVICE, Precision.FP32)[1]


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.INT8])
def test_a_peak_the_profile_lacks_widens_the_interval(precision):
    plain = Device("aarch64", fp32_gflops=100)
    factor = {Precision.FP16: 2, Precision.INT8: 4}[precision]
    assert latency(WORK, plain, precision)[0] == pytest.approx(2e9 / (factor * 100e9))


def test_float_on_tensor_cores_may_beat_the_float_peak():
    gpu = Device("x86_64", fp32_gflops=100, fp16_gflops=1600, compute_capability="8.0")
    assert latency(WORK, gpu, Precision.FP32)[0] == pytest.approx(2e9 / 800e9)
    older = replace(gpu, compute_capability="7.5")
    assert latency(WORK, older, Precision.FP32)[0] == pytest.approx(2e9 / 100e9)


def test_throughput_is_the_inverse_of_latency():
    rows = named(predict(WORK, DEVICE, Precision.FP32))
    ms, qps = rows["latency_p50_ms"], rows["throughput_qps"]
    assert qps.low == pytest.approx(1e3 / ms.high)
    assert qps.high == pytest.approx(1e3 / ms.low)
    assert rows["fps"].value == qps.value


def test_the_tail_is_open_above():
    rows = named(predict(WORK, DEVICE, Precision.FP32))
    for name in ("latency_p90_ms", "latency_p99_ms"):
        assert rows[name].low == rows["latency_p50_ms"].low
        assert rows[name].high is None
        assert "tail" in rows[name].note


def test_without_a_bandwidth_nothing_bounds_it_above():
    bare = Device("edgetpu", int8_gops=4000, power_w=2)
    rows = named(predict(WORK, bare, Precision.INT8))
    assert rows["latency_p50_ms"].high is None
    assert rows["energy_mj"].high is None
    assert rows["fps"].low == 0
    assert "no bandwidth" in rows["latency_p50_ms"].note


def test_energy_lies_between_idle_and_full_load():
    rows = named(predict(WORK, replace(DEVICE, power_w=10, idle_w=2), Precision.FP32))
    run, power, energy = rows["latency_p50_ms"], rows["power_w"], rows["energy_mj"]
    assert (power.low, power.value, power.high) == (2, 6, 10)
    assert energy.low == pytest.approx(2 * run.low)
    assert energy.high == pytest.approx(10 * run.high)


def test_without_power_there_is_no_energy():
    assert "energy_mj" not in named(predict(WORK, DEVICE, Precision.FP32))


def test_without_a_peak_nothing_is_predicted():
    assert predict(WORK, Device("aarch64", bandwidth_gbps=10), Precision.FP32) == ()
    integers_only = Device("armv7e-m", int8_gops=1)
    assert predict(WORK, integers_only, Precision.FP32) == ()
    assert predict(WORK, integers_only, Precision.INT8)


def test_nodes_that_could_not_be_counted_open_the_interval():
    work = Work((NODE, NodeWork("b", "Det", None, None, 0, None, None)), 1, 1)
    row = named(predict(work, DEVICE, Precision.FP32))["latency_p50_ms"]
    assert row.high is None
    assert "1 nodes could not be counted" in row.note


def test_no_work_is_no_prediction():
    assert predict(Work((), 0, 0), DEVICE, Precision.FP32) == ()
