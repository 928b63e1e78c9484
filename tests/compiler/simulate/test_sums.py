"""Exact sums, and what saturation takes from them."""

from dataclasses import replace

import numpy as np

from mcompile.simulate.sums import cut_off, exact, product, saturates

from .sandwiches import X86


def test_the_narrowest_type_that_is_exact_is_taken():
    small, large = np.full((2, 8), 255), np.full((8, 600), 127)
    assert exact(small, large, (0,)) == np.float32
    assert exact(small, np.full((520, 3), 127), (0,)) == np.float64


def test_products_are_those_of_integers():
    rng = np.random.default_rng(0)
    left, right = rng.integers(-(2**15), 2**15, (3, 4, 900)), rng.integers(-127, 128, (900, 5))
    np.testing.assert_array_equal(product(left, right), left @ right)


def one_by_one(data, rows):
    """Pairs of products in a saturating int16, the pairs in an int32."""
    found = np.zeros((rows.shape[0], data.shape[0]), np.int64)
    for n, row in enumerate(rows.astype(int)):
        for p, values in enumerate(data.astype(int)):
            for k in range(0, row.size, 2):
                found[n, p] += np.clip((row[k : k + 2] * values[k : k + 2]).sum(), -32768, 32767)
    return found


def test_what_is_cut_off_is_what_pairs_lose():
    rng = np.random.default_rng(1)
    data, rows = rng.integers(0, 256, (6, 13)), rng.integers(-128, 128, (5, 13)).astype(np.int8)
    padded = np.pad(data, ((0, 0), (0, 1)))
    lost = cut_off(lambda k: padded[:, k], rows)
    assert lost.any()
    np.testing.assert_array_equal(rows.astype(int) @ data.T - lost, one_by_one(data, rows))


def test_weights_of_seven_bits_lose_nothing():
    rng = np.random.default_rng(2)
    rows = rng.integers(-64, 65, (5, 12)).astype(np.int8)
    assert not cut_off(lambda _: np.full(4, 255), rows).any()


def test_only_unsigned_activations_by_signed_weights_saturate():
    pairs = replace(X86, pair_saturates=True)
    unsigned, signed = np.zeros(1, np.uint8), np.zeros(1, np.int8)
    assert saturates(pairs, unsigned, signed)
    assert not saturates(pairs, signed, signed)
    assert not saturates(pairs, unsigned, unsigned)
    assert not saturates(X86, unsigned, signed)
