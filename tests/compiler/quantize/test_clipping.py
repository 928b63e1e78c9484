"""Where a range is cut: known optima, real rounding of the same data, what never happens."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mcompile.quantize.clipping import METHODS, candidates, entropy, mse, percentile
from mcompile.quantize.ranges import BINS, TensorRange

FLOATS = st.floats(-1e4, 1e4, width=32)
DATA = hnp.arrays(np.float32, st.integers(1, 200), elements=FLOATS)


def observed(data):
    found = TensorRange()
    data = np.asarray(data, np.float32)
    for part in np.array_split(data, -(-data.size // 30_000)):  # so that all of it is counted
        found.add(part)
    return found


def error(data, ends, levels=256):
    """The mean squared error of really rounding the data to integers that hold zero."""
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    scale = (high - low) / (levels - 1)
    zero = round(-low / scale)
    codes = np.clip(np.rint(data / scale) + zero, 0, levels - 1)
    return float((((codes - zero) * scale - data.astype(np.float64)) ** 2).mean())


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("symmetric", [False, True])
@given(data=DATA, levels=st.sampled_from([16, 256, 65536]))
@settings(deadline=None, derandomize=True, max_examples=30)
def test_no_choice_is_wider_than_the_extremes(method, symmetric, data, levels):
    found = observed(data)
    low, high = method(found, levels, symmetric)
    assert found.low <= low <= high <= found.high


# The clips of least error of a Gaussian, in standard deviations, from R. Banner et al., "Post
# training 4-bit quantization of convolutional networks", 2019.
@pytest.mark.parametrize(
    ("bits", "sigmas"), [(4, 2.55), (5, 2.93), (6, 3.28), (7, 3.61), (8, 3.92)]
)
@pytest.mark.parametrize("symmetric", [False, True])
def test_a_gaussian_is_clipped_where_it_is_known_to_be_best(bits, sigmas, symmetric):
    found = observed(np.random.default_rng(0).standard_normal(500_000))
    low, high = mse(found, 2**bits, symmetric)
    assert high == pytest.approx(sigmas, rel=0.04)
    assert low == pytest.approx(-sigmas, rel=0.04)


@pytest.mark.parametrize("kind", ["laplace", "gumbel", "lognormal", "relu", "outlier"])
def test_no_other_range_rounds_the_data_much_better(kind):
    rng = np.random.default_rng(1)
    if kind in {"relu", "outlier"}:
        data = np.maximum(rng.standard_normal(50_000), 0)
        data[0] = 50.0 if kind == "outlier" else 0.0
    else:
        data = getattr(rng, kind)(size=50_000)
    data = data.astype(np.float32)
    found = observed(data)
    ends = mse(found, 64)
    parts = np.linspace(0.02, 1.0, 50)
    lows = {found.low * p for p in parts[::5]} if found.low < 0 else {0.0}
    best = min(error(data, (low, found.high * p), 64) for low in lows for p in parts)
    assert error(data, ends, 64) <= 1.03 * best
    assert error(data, ends, 64) <= 1.001 * error(data, (found.low, found.high), 64)


def test_exact_zeros_let_a_range_be_wider():
    data = np.random.default_rng(2).laplace(size=20_000).astype(np.float32)
    many = np.concatenate([data, np.zeros(200_000, np.float32)])
    assert mse(observed(many)) == mse(observed(data))
    assert entropy(observed(many)) == entropy(observed(data))


def test_a_symmetric_choice_has_one_threshold_for_both_signs():
    data = np.random.default_rng(3).laplace(size=20_000).astype(np.float32)
    data[data < -1] = -1
    for method in (mse, entropy):
        low, high = method(observed(data), 256, True)
        assert (low, high > 2) == (-1.0, True)
    clipped = mse(observed(data), 16, True)
    assert clipped[0] == -1.0
    assert clipped[1] < observed(data).high


def test_one_sided_data_starts_at_zero_or_above():
    found = observed(np.random.default_rng(4).uniform(2, 5, 10_000))
    for method in METHODS.values():
        low, high = method(found, 256, False)
        assert 2 <= low <= high <= 5
    assert mse(found) == pytest.approx((found.low, found.high), rel=0.005)


def test_entropy_leaves_a_lone_outlier_out():
    data = np.abs(np.random.default_rng(5).standard_normal(200_000)).astype(np.float32)
    data[0] = 50.0
    _, high = entropy(observed(data))
    assert np.quantile(data, 0.999) < high < 10


def test_entropy_diverges_least_among_all_thresholds_it_could_take():
    found = observed(np.random.default_rng(6).laplace(size=100_000))
    width = 2 * found.bound / BINS
    held = found.counts[BINS // 2 :] + found.counts[: BINS // 2][::-1]
    low, high = entropy(found, 256, True)
    chosen = round(max(-low, high) / width)
    used = int(np.flatnonzero(held)[-1]) + 1
    others = range(129, used + 1, 8)
    assert reference(held, chosen) <= min(reference(held, end) for end in others) + 1e-12


def reference(held, end, coarse=128):
    """The divergence as the slides spell it, bin by bin."""
    p = [float(c) for c in held[:end]]
    q = [0.0] * end
    for level in range(coarse):
        own = range(level * end // coarse, (level + 1) * end // coarse)
        filled = [k for k in own if p[k] > 0]
        for k in filled:
            q[k] = sum(p[j] for j in own) / len(filled)
    p[-1] += float(held[end:].sum())
    q[-1] = max(q[-1], 1e-4)
    total_p, total_q = sum(p), sum(b for a, b in zip(p, q, strict=True) if a > 0)
    terms = [(a / total_p, b / total_q) for a, b in zip(p, q, strict=True) if a > 0]
    return sum(a * np.log(a / b) for a, b in terms)


def test_a_percentile_is_that_of_the_histogram():
    found = observed(np.random.default_rng(7).standard_normal(10_000))
    assert percentile(99.0)(found, 256, False) == found.percentile(99.0)
    assert METHODS["p99.9"](found, 256, True) == found.percentile(99.9)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_tensor_of_zeros_has_no_range(method):
    assert method(observed(np.zeros(8)), 256, False) == (0.0, 0.0)


@pytest.mark.parametrize("symmetric", [False, True])
@given(data=DATA)
@settings(deadline=None, derandomize=True, max_examples=20)
def test_candidates_start_with_the_extremes_and_differ(symmetric, data):
    found = observed(data)
    ends = candidates(found, 256, symmetric)
    assert ends[0] == (found.low, found.high)
    near = (max(found.high, 0) - min(found.low, 0)) / 256
    for index, one in enumerate(ends):
        assert found.low <= one[0] <= one[1] <= found.high
        for other in ends[:index]:
            assert max(abs(one[0] - other[0]), abs(one[1] - other[1])) > near
