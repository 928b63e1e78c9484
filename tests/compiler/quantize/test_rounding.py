"""Codes that leave the output nearest: better than the nearest ones, within their bounds."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcompile.quantize.gram import moments
from mcompile.quantize.rounding import QUICK, THOROUGH, Effort, Layer, rounded

PLAIN = Effort(QUICK.positions, ())


def correlated(rng, rows, inputs, groups=1):
    """Rows whose inputs move together, as those of a network do."""
    mixed = rng.standard_normal((groups, inputs, inputs)) + 0.5
    return (rng.standard_normal((groups, rows, inputs)) @ mixed).astype(np.float32)


def problem(seed=0, inputs=16, outputs=8, groups=1, rows=400, noise=0.0, pairs=False, step=0.1):
    """A layer, and the moments of fitted, deciding and other rows."""
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((groups, outputs, inputs)).astype(np.float32)
    scale = np.full((groups, outputs, 1), step, np.float32)
    found = []
    mixed = correlated(rng, inputs, inputs, groups) / np.sqrt(inputs)
    for _ in range(3):
        read = (rng.standard_normal((groups, rows, inputs)) @ mixed).astype(np.float32)
        given_ = read @ weight.swapaxes(1, 2)
        heard = read + noise * rng.standard_normal(read.shape).astype(np.float32)
        found.append(moments(heard, given_, centred=True))
    return Layer(weight, scale, pairs), found


@pytest.mark.parametrize("groups", [1, 3])
def test_the_output_is_nearer_on_rows_that_nobody_fitted(groups):
    layer, (fitted, held_out, other) = problem(groups=groups)
    codes = rounded(layer, fitted, held_out, PLAIN)
    assert codes is not None
    assert other.error(codes * layer.scale) < 0.6 * other.error(layer.nearest() * layer.scale)


def test_plain_codes_stand_beside_the_real_weight():
    layer, (fitted, held_out, _) = problem()
    codes = rounded(layer, fitted, held_out, PLAIN)
    assert np.abs(codes - layer.weight / layer.scale).max() < 1.0
    assert np.array_equal(codes, np.rint(codes))


def test_few_inputs_are_rounded_almost_as_well_as_they_can_be():
    layer, (fitted, held_out, _) = problem(inputs=6, outputs=3)
    whole = fitted + held_out
    codes = rounded(layer, fitted, held_out, PLAIN)
    low = np.floor(layer.weight / layer.scale)
    best = low.copy()
    for output in range(3):
        choices = [low[0, output] + np.array(up) for up in product((0, 1), repeat=6)]
        best[0, output] = min(choices, key=lambda c: quadratic(layer, whole, output, c))
    found, least, near = (whole.error(c * layer.scale) for c in (codes, best, layer.nearest()))
    assert least <= found < least + 0.2 * (near - least)


def quadratic(layer, whole, output, row):
    missed = row * layer.scale[0, output] - layer.weight[0, output]
    return float(missed @ whole.inner[0] @ missed)


def test_noise_of_the_inputs_is_made_up_for():
    """Inputs that carry noise deserve less weight: regression gives what rounding cannot."""
    layer, (fitted, held_out, other) = problem(noise=0.7, step=0.1)
    plain, better = (rounded(layer, fitted, held_out, e) for e in (PLAIN, QUICK))
    plain = layer.nearest() if plain is None else plain
    assert better is not None
    assert other.error(better * layer.scale) < 0.9 * other.error(plain * layer.scale)
    assert np.abs(better - layer.nearest()).max() <= 3


def test_a_layer_is_left_alone_where_its_codes_do_not_help_others():
    """Rows to decide by that have nothing in common with those that were fitted."""
    layer, (fitted, _, _) = problem(inputs=64, rows=8)
    _, (_, held_out, _) = problem(seed=5, inputs=64, rows=400)
    strange = type(held_out)(np.eye(64)[None], layer.weight, (layer.weight**2).sum(2), 400)
    assert rounded(layer, fitted, strange, QUICK) is None


def test_a_weight_that_is_exact_is_left_alone():
    layer, (fitted, held_out, _) = problem()
    exact = Layer(layer.nearest() * layer.scale, layer.scale)
    given_ = moments_of(exact.weight, 3)
    assert rounded(exact, *given_, PLAIN) is None
    assert fitted.rows == held_out.rows


def moments_of(weight, seed):
    rng = np.random.default_rng(seed)
    for _ in range(2):
        read = correlated(rng, 200, weight.shape[2])
        yield moments(read, read @ weight.swapaxes(1, 2), centred=True)


@settings(derandomize=True, deadline=None, max_examples=12)
@given(seed=st.integers(0, 99), inputs=st.integers(1, 17), effort=st.sampled_from([PLAIN, QUICK]))
def test_no_pair_can_overflow_and_no_code_leaves_its_range(seed, inputs, effort):
    layer, (fitted, held_out, _) = problem(seed, inputs, noise=1.0, pairs=True)
    peak = np.abs(layer.weight).max(axis=2, keepdims=True) / 127
    even = np.pad(layer.weight, ((0, 0), (0, 0), (0, inputs % 2))).reshape(1, 8, -1, 2)
    most = np.maximum(np.maximum(even, 0).sum(3), np.maximum(-even, 0).sum(3)).max(2)[:, :, None]
    tight = Layer(layer.weight, np.maximum(peak, most / (32767 / 255 - 1)), pairs=True)
    codes = rounded(tight, fitted, held_out, effort)
    if codes is None:
        return
    assert np.abs(codes).max() <= 127
    sums = np.pad(codes, ((0, 0), (0, 0), (0, inputs % 2))).reshape(1, 8, -1, 2)
    assert 255 * np.maximum(sums, 0).sum(3).max() <= 32767
    assert -255 * np.maximum(-sums, 0).sum(3).max() >= -32768


def test_pairs_are_bound_where_real_weights_would_overflow():
    """The bound holds by itself, whatever the scale."""
    layer, (fitted, held_out, _) = problem(step=0.02)
    wide = rounded(layer, fitted, held_out, PLAIN)
    bound = rounded(Layer(layer.weight, layer.scale, pairs=True), fitted, held_out, PLAIN)
    assert np.maximum(wide.reshape(1, 8, -1, 2), 0).sum(3).max() > 128
    assert bound is None or np.maximum(bound.reshape(1, 8, -1, 2), 0).sum(3).max() <= 128


def test_inputs_that_never_change_do_no_harm():
    layer, _ = problem()
    rng = np.random.default_rng(2)
    read = correlated(rng, 300, 16)
    read[:, :, 3:6] = 0.0
    found = [
        moments(read[:, k::2], read[:, k::2] @ layer.weight.swapaxes(1, 2), True) for k in (0, 1)
    ]
    codes = rounded(layer, *found, QUICK)
    assert codes is not None
    assert np.isfinite(codes).all()


def test_rows_that_are_not_finite_choose_nothing():
    layer, (fitted, held_out, _) = problem()
    broken = type(fitted)(fitted.inner * np.inf, fitted.cross, fitted.power, fitted.rows)
    assert rounded(layer, broken, held_out, QUICK) is None


def test_more_effort_tries_more():
    assert {*QUICK.ridges} < {*THOROUGH.ridges}
    assert THOROUGH.positions.most > QUICK.positions.most
