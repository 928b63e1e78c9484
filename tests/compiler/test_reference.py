from __future__ import annotations

import numpy as np
import pytest

from mcompile.errors import SourceError
from mcompile.graph import parse
from mcompile.reference import difference, random_feeds, reference

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
RNG = np.random.default_rng(0)
WANT = RNG.standard_normal(1000).astype(np.float32)


def test_rounding_is_allowed_and_more_is_not():
    scale = float(abs(WANT).max())
    assert difference(WANT + np.float32(5e-5 * scale), WANT, WANT) == ""
    bent = WANT.copy()
    bent[3] += 3e-4 * scale
    assert "off by" in difference(bent, WANT, WANT)


def test_a_small_error_everywhere_is_an_error_even_below_the_largest():
    """One large output hides an error of the others from the maximum, not from the power."""
    want = np.full(1000, 1e-3, np.float32)
    want[0] = 0.05
    got = want.copy()
    got[1:] += 4.9e-6
    assert difference(got, want, want).endswith("(rms)")


def test_the_width_of_the_type_sets_the_tolerance():
    wide, half = WANT.astype(np.float64), WANT.astype(np.float16)
    assert difference(wide * (1 + 1e-7), wide, wide) != ""
    assert difference(WANT * np.float32(1 + 1e-6), WANT, WANT) == ""
    assert difference(half * np.float16(1.001), half, half) == ""
    assert difference(half * np.float16(1.1), half, half) != ""


def test_a_model_that_magnifies_rounding_is_given_room_up_to_a_hundredth():
    scale = float(abs(WANT).max())
    got = WANT + np.float32(1e-3 * scale)
    shaken = WANT + np.float32(4e-4 * scale)
    assert difference(got, WANT, WANT) != ""
    assert difference(got, WANT, shaken) == ""
    assert difference(WANT + np.float32(0.05 * scale), WANT, WANT + scale) != ""


def test_nan_and_infinity_must_stay_where_they_are():
    want = np.float32([1, np.nan, np.inf, -np.inf])
    assert difference(want.copy(), want, want) == ""
    for wrong in (
        [1, 2, np.inf, -np.inf],
        [1, np.nan, -np.inf, -np.inf],
        [np.nan, np.nan, np.inf, -np.inf],
    ):
        assert difference(np.float32(wrong), want, want) == "NaN or infinity in other places"


def test_shapes_and_types_must_agree():
    assert difference(WANT[:5], WANT, WANT) == "float32[5] in place of float32[1000]"
    assert difference(WANT.astype(np.float64), WANT, WANT).startswith("float64[1000] in place")


def test_zeros_and_nothing_can_be_compared():
    zero = np.zeros(4, np.float32)
    assert difference(zero + np.float32(1e-8), zero, zero) == ""
    assert difference(zero + np.float32(1e-3), zero, zero) != ""
    assert difference(zero[:0], zero[:0], zero[:0]) == ""


def test_integers_are_equal_but_for_those_that_a_last_bit_decides():
    want = np.array([1, 2, 3])
    assert difference(np.array([1, 2, 4]), want, want) == "1 of 3 values differ"
    assert difference(np.array([1, 2, 4]), want, np.array([1, 2, 4])) == ""
    assert difference(np.array([1, 2, 4]), want, np.array([1, 2])) == "1 of 3 values differ"
    assert difference(np.array([True]), np.array([False]), np.array([False])) != ""


def test_feeds_are_seeded_and_of_the_right_kind():
    text = (
        HEAD
        + """g (float[n,3,h,h] x, int64[n,7] i, bool[2] b, uint8[9] u, int8[9] s, float16 f)
        => (float[n,3,h,h] y) { y = Neg(x) }"""
    )
    feeds = random_feeds(parse(text), 3)
    assert feeds["x"].shape == (2, 3, 8, 8)
    assert set(feeds["i"].ravel()) <= {0, 1}
    assert {n: a.dtype.name for n, a in feeds.items()} == {
        **{"x": "float32", "i": "int64", "b": "bool"},
        **{"u": "uint8", "s": "int8", "f": "float16"},
    }
    assert feeds["u"].max() > 9
    again = random_feeds(parse(text), 3)
    assert all(np.array_equal(feeds[n], again[n]) for n in feeds)
    assert not np.array_equal(feeds["x"], random_feeds(parse(text), 4)["x"])


def test_strings_can_be_fed():
    text = HEAD + "g (string[2] x) => (string[2] y) { y = Identity(x) }"
    assert list(random_feeds(parse(text), 0)["x"]) == ["a", "a"]


def test_a_reference_holds_two_random_inputs_and_those_given():
    program = parse(HEAD + "g (float[2] x) => (float[2] y) { y = Neg(x) }")
    held = reference(program, [{"x": np.float32([1, 2])}])
    assert len(held.feeds) == 3
    np.testing.assert_array_equal(held.outputs[0]["y"], [-1, -2])
    assert not np.array_equal(held.moved[0]["y"], held.outputs[0]["y"])
    assert held.unproven == ""


def test_a_dynamic_size_that_does_not_fit_is_tried_again():
    weights = {"w": np.ones((1, 1, 40, 40), np.float32)}
    text = HEAD + "g (float[n,1,h,v] x) => (float[n,c,p,q] y) { y = Conv(x, w) }"
    held = reference(parse(text, weights))
    assert held.feeds[0]["x"].shape == (1, 1, 64, 64)


def test_a_program_that_draws_random_numbers_is_unproven():
    text = HEAD + "g (float[2] x) => (float[2] y) { r = RandomNormalLike(x) y = Add(x, r) }"
    assert reference(parse(text)).unproven == "it draws random numbers (RandomNormalLike)"


def test_a_program_that_is_never_the_same_is_unproven():
    text = HEAD + "g (float[64] x) => (float[64] y) { y = Dropout(x, half, yes) }"
    program = parse(text, {"half": np.float32(0.5), "yes": np.array(True)})
    assert reference(program).unproven == "it gives something else each time it runs"


def test_a_program_that_no_random_input_fits_is_held_to_the_samples_or_unproven():
    text = (
        HEAD + "g (float[3,k] x, int64[1] s) => (float[n] y) { y = Reshape<allowzero = 1>(x, s) }"
    )
    program = parse(text)
    sample = {"x": np.ones((3, 2), np.float32), "s": np.array([6])}
    assert reference(program).unproven.startswith("no input fits: ")
    held = reference(program, [sample])
    assert (len(held.feeds), held.unproven) == (1, "")
    sample["s"] = np.array([5])
    assert reference(program, [sample]).unproven.startswith("it does not run: ")


def test_a_program_that_cannot_be_loaded_is_refused():
    text = HEAD + "g (float[2] x) => (float[2] y) { y = Nothing(x) }"
    with pytest.raises(SourceError, match="cannot load"):
        reference(parse(text))


def test_a_program_that_nothing_here_can_run_proves_nothing_and_is_not_refused():
    head = '<ir_version: 8, opset_import: ["" : 17, "my.lib" : 1]>'
    program = parse(head + "g (float[2] x) => (float[2] y) { y = my.lib.Magic(x) }")
    held = reference(program)
    assert (held.feeds, held.runs) == ((), False)
    assert held.unproven == "nothing here can run my.lib.Magic"
