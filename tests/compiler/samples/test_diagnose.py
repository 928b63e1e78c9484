"""Every defect of calibration data is found on data spoilt with it, and none on good data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from mcompile.samples import open_samples
from mcompile.samples.diagnose import diagnose
from mcompile.samples.finding import Finding
from mcompile.samples.preprocess import Preprocess, load_preprocess
from mcompile.types import Array, Port, Sample, Samples

X = Port("x", "float32", ("batch", 3, 24, 20))
GREY = Port("x", "float32", ("batch", 1, 24, 20))
SOUND = Port("sound", "float32", (1, 400))
IMAGENET = load_preprocess("imagenet")


def photos(seed: int, number: int = 48) -> Array:
    """Smooth scenes of bytes, warm at the bottom and bluer above, bright and dark ones."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((number, 3, 24, 20)) + 2 * rng.standard_normal((number, 1, 24, 20))
    waves = np.fft.irfft2(np.fft.rfft2(noise) / _frequencies(), s=(24, 20))
    waves /= waves.std((1, 2, 3), keepdims=True)
    waves += 0.3 * rng.standard_normal((number, 1, 1, 1))
    tint = np.array([0.4, 0.0, -0.4])[:, None, None] * np.linspace(0.2, 1.8, 24)[:, None]
    return np.clip(128 + 60 * (waves + tint), 0, 255).round().astype(np.float32)


def _frequencies() -> Array:
    rows, columns = np.fft.fftfreq(24)[:, None], np.fft.rfftfreq(20)[None]
    return np.asarray(np.hypot(rows, columns) + 0.05)


def sounds(seed: int, number: int = 48) -> Array:
    rng = np.random.default_rng(seed)
    loud = rng.uniform(0.05, 0.2, (number, 1))
    return (loud * rng.standard_normal((number, 400))).astype(np.float32)


def ready(data: Array, how: Preprocess | None = IMAGENET) -> Array:
    assert how is not None
    mean, std = (np.array(v, np.float32)[:, None, None] for v in (how.mean, how.std))
    return np.asarray((data / np.float32(how.scale) - mean) / std)


def judged(
    data: Array | Mapping[str, Array],
    evaluation: Array | Mapping[str, Array] | None = None,
    ports: tuple[Port, ...] = (X,),
    how: Preprocess | None = None,
) -> list[Finding]:
    other = None if evaluation is None else open_samples(evaluation, ports)
    return diagnose(open_samples(data, ports), ports, evaluation=other, preprocess=how)


def names(found: list[Finding]) -> list[tuple[str, bool]]:
    return [(f.name, f.hard) for f in found]


GOOD = ready(photos(0))
HELD = ready(photos(1))


@pytest.mark.parametrize("seed", range(3))
def test_good_pictures_are_left_alone(seed: int) -> None:
    data = ready(photos(seed + 10, 80))
    assert names(judged(data[:40], data[40:])) == []
    assert names(judged(data[:40], None, how=IMAGENET)) == []
    assert names(judged(data[:40], data[40:], how=IMAGENET)) == []


@pytest.mark.parametrize("seed", range(3))
def test_good_sound_is_left_alone(seed: int) -> None:
    data = sounds(seed, 80)
    assert names(judged(data[:40], data[40:], (SOUND,))) == []
    assert names(judged(data[:40], None, (SOUND,))) == []


def test_few_samples_are_told_with_what_they_miss() -> None:
    (found,) = judged(GOOD[:9], HELD)
    assert (found.name, found.hard) == ("too-few", False)
    assert "about 10%" in found.evidence
    assert judged(GOOD[:1])[0].hard
    assert "no samples" in str(diagnose(Samples("empty", lambda: iter(())), [X])[0])


def test_a_batch_counts_as_many_pictures_as_it_holds() -> None:
    port = Port("x", "float32", (8, 3, 24, 20))
    assert names(judged(GOOD, HELD, (port,))) == []


def test_copies_are_found() -> None:
    spoilt = np.concatenate([GOOD[:36], GOOD[:12]])
    (found,) = judged(spoilt, HELD)
    assert (found.name, found.hard) == ("duplicates", False)
    assert found.evidence.startswith("12 of 48")
    assert names(judged(np.repeat(GOOD[:1], 48, 0), HELD)) == [("duplicates", True)]


@pytest.mark.parametrize("number", [10, 30])
def test_touched_up_copies_are_found(number: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, GOOD[:number].shape)
    spoilt = np.concatenate([GOOD, 1.02 * GOOD[:number] + noise.astype(np.float32)])
    assert names(judged(spoilt, HELD)) == [("near-duplicates", False)]


def test_a_camera_that_never_moves_is_no_defect() -> None:
    still = GOOD[:1] + np.random.default_rng(0).normal(0, 0.003, GOOD.shape).astype(np.float32)
    assert names(judged(still[:36])) == [("near-duplicates", False)]
    other = np.concatenate([still[36:], still[36:][::-1] + np.float32(0.001)])
    assert "near-duplicates" not in dict(names(judged(still[:36], other)))


def test_classes_that_never_occur_are_named() -> None:
    labels = np.arange(48) % 6
    held = {"x": HELD, "labels": labels}
    assert names(judged({"x": GOOD, "labels": labels}, held)) == []
    (found,) = judged({"x": GOOD, "labels": labels % 4}, held)
    assert (found.name, found.hard) == ("missing-classes", False)
    assert found.what.startswith("2 of the 6 classes")
    assert "class 4, 5 " in found.evidence


def test_classes_too_many_for_the_number_of_samples_are_not_missed() -> None:
    own, held = np.random.default_rng(0).permutation(1000)[:96].reshape(2, 48)
    assert names(judged({"x": GOOD, "labels": own}, {"x": HELD, "labels": held})) == []
    assert names(judged(GOOD, {"x": HELD, "labels": held})) == []


@pytest.mark.parametrize(("blank", "hard"), [(12, False), (48, True)])
def test_blank_pictures_are_found(blank: int, hard: bool) -> None:
    spoilt = GOOD.copy()
    spoilt[:blank] = np.linspace(-1, 1, blank)[:, None, None, None]
    assert names(judged(spoilt, HELD)) == [("constant", hard)]
    assert names(judged(spoilt)) == [("constant", hard)]


def test_nothing_but_zeros_ends_it() -> None:
    assert names(judged(0 * GOOD, HELD)) == [("zero", True)]


STATE = (SOUND, Port("state", "float32", (1, 16)))


def test_a_state_that_is_never_but_zero_is_told() -> None:
    rng = np.random.default_rng(0)
    data = {"sound": sounds(0), "state": np.zeros((48, 16), np.float32)}
    full = {"sound": sounds(1), "state": rng.standard_normal((48, 16)).astype(np.float32)}
    assert names(judged(data, full, STATE)) == [("zero", False)]
    assert names(judged(data, None, STATE)) == [("zero", False)]
    assert names(judged(data, {**data, "sound": sounds(1)}, STATE)) == []


def test_states_that_begin_at_zero_and_silence_are_no_defect() -> None:
    state = np.random.default_rng(0).standard_normal((48, 16)).astype(np.float32)
    state[::5] = 0
    assert names(judged({"sound": sounds(0), "state": state}, None, STATE)) == []


WORDS = (Port("ids", "int64", (1, 8)), Port("mask", "int64", (1, 8)), Port("rate", "int64", ()))


def test_words_of_one_value_are_told_and_masks_of_one_are_not() -> None:
    ids = np.random.default_rng(0).integers(0, 900, (96, 8))
    ones, rate = np.ones((48, 8), np.int64), np.full(48, 16000)
    good = {"ids": ids[:48], "mask": ones, "rate": rate}
    held = {**good, "ids": ids[48:]}
    assert names(judged(good, held, WORDS)) == []
    assert names(judged(good, None, WORDS)) == []
    # Words that are all the same make all samples the same, unless the rate differs.
    spoilt = {**good, "ids": 7 * ones, "rate": np.arange(48)}
    assert ("single-value", False) in names(judged(spoilt, None, WORDS))
    assert ("single-value", False) in names(judged(spoilt, held, WORDS))


def test_overexposed_pictures_are_found() -> None:
    spoilt = ready(np.clip(photos(0) + 110, 0, 255))
    (found,) = judged(spoilt, HELD)
    assert (found.name, found.hard) == ("saturated", False)
    assert "the highest" in found.evidence
    assert "the lowest" not in found.evidence
    blown = ready(np.clip((photos(0) - 128) * 8 + 128, 0, 255))
    assert names(judged(blown)) == [("saturated", False)]


def test_overdriven_sound_is_found() -> None:
    spoilt = np.clip(3 * sounds(0), -0.35, 0.35)
    assert names(judged(spoilt, sounds(1), (SOUND,))) == [("saturated", False)]


BYTES = photos(0)
SLIPS = {
    "not divided by 255": (BYTES, True),
    "not divided by 255 before": (ready(BYTES * 255), True),
    "mean and deviation forgotten": (BYTES / 255, True),
    "normalized twice": (ready(ready(BYTES) * 255), True),
    "divided by 255 twice": (ready(BYTES / 255), True),
    "-1..1": (BYTES / np.float32(127.5) - 1, False),
}


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.parametrize("by", ["evaluation", "profile"])
def test_slips_in_the_preprocessing_are_named(slip: str, by: str) -> None:
    data, hard = SLIPS[slip]
    known = {"evaluation": HELD} if by == "evaluation" else {"how": IMAGENET}
    (found,) = judged(data, **known)  # type: ignore[arg-type]
    assert (found.name, found.hard) == ("range", hard)
    assert slip in found.evidence


def test_an_evaluation_set_of_the_same_range_speaks_for_the_data() -> None:
    (found,) = judged(BYTES, photos(1), how=IMAGENET)
    assert (found.name, found.hard) == ("range", False)
    assert "the evaluation set is like the calibration data" in found.evidence


def test_values_that_no_byte_becomes_are_told() -> None:
    (found,) = judged(1.4 * GOOD, None, how=IMAGENET)
    assert (found.name, found.hard) == ("range", False)
    assert names(judged(100 * GOOD, None, how=IMAGENET)) == [("range", True)]
    assert names(judged(100 * GOOD, HELD)) == [("range", True)]


@pytest.mark.parametrize(("factor", "hard"), [(20.0, False), (32768.0, True), (1 / 32768, True)])
def test_sound_of_another_scale_is_told(factor: float, hard: bool) -> None:
    spoilt = (factor * sounds(0)).astype(np.float32)
    (found,) = judged(spoilt, sounds(1), (SOUND,))
    assert (found.name, found.hard) == ("range", hard)
    assert ("16-bit" in found.evidence) == (factor == 32768)


def test_red_and_blue_exchanged_are_told() -> None:
    signed = Preprocess(scale=127.5, mean=(1.0, 1.0, 1.0), std=(1.0, 1.0, 1.0))
    good, held = ready(photos(0), signed), ready(photos(1), signed)
    assert names(judged(good, held)) == names(judged(good)) == []
    (found,) = judged(good[:, ::-1], held)
    assert (found.name, found.hard) == ("channel-order", False)
    (found,) = judged(good[:, ::-1])
    assert (found.name, found.hard) == ("channel-order", False)
    assert "photographs are the other way round" in found.evidence


def test_blue_scenes_alone_are_no_exchange() -> None:
    under_water = photos(0)
    under_water[:, 2] = np.clip(under_water[:, 2] + 120, 0, 255)
    assert names(judged(under_water / 255)) == []


def test_axes_that_were_reshaped_are_found_in_either_layout() -> None:
    good, held = (sum(np.roll(d, k, 3) for k in range(4)) / 4 for d in (GOOD, HELD))
    last = good.transpose(0, 2, 3, 1)
    (found,) = judged(last.reshape(good.shape), held)
    assert (found.name, found.hard) == ("layout", True)
    assert names(judged(last.reshape(good.shape))) == [("layout", False)]
    port = Port("x", "float32", ("batch", 24, 20, 3))
    assert names(judged(last, held.transpose(0, 2, 3, 1), (port,))) == []
    spoilt = good.reshape(last.shape)
    assert names(judged(spoilt, held.transpose(0, 2, 3, 1), (port,))) == [("layout", True)]


def test_another_layout_shows_where_the_model_takes_any_size() -> None:
    port = Port("x", "float32", ("batch", "a", "b", "c"))
    (found,) = judged(GOOD.transpose(0, 2, 3, 1), HELD, (port,))
    assert (found.name, found.hard) == ("layout", True)
    assert found.fix == "array.transpose(0, 3, 1, 2)"
    (found,) = judged(GOOD, None, (port,), Preprocess(layout="nhwc"))
    assert (found.name, found.hard) == ("layout", True)


@pytest.mark.parametrize("change", ["darker", "flatter", "brighter"])
def test_another_distribution_is_told_with_its_distance(change: str) -> None:
    data = photos(0)
    spoilt = {"darker": data * 0.6, "flatter": 128 + (data - 128) * 0.4, "brighter": data + 30}
    (found,) = judged(ready(np.clip(spoilt[change], 0, 255)), HELD)
    assert (found.name, found.hard) == ("unlike-evaluation", False)
    assert "bits apart" in found.evidence


def test_another_rounding_of_the_background_is_no_other_distribution() -> None:
    rng = np.random.default_rng(0)
    data = np.where(rng.random((96, 1, 24, 20)) < 0.8, 0, rng.random((96, 1, 24, 20)))
    data = data.astype(np.float32)
    assert names(judged(data[:48] + np.float32(1e-4), data[48:], (GREY,))) == []


def test_hard_findings_come_first() -> None:
    found = judged(255 * GOOD[:10], HELD)
    assert names(found) == [("range", True), ("too-few", False)]


def test_text_and_empty_tensors_have_no_figures_to_judge() -> None:
    text = Port("text", "string", ("n",))
    data = [np.array([f"word {k}", f"more {k}"], object) for k in range(40)]
    assert names(judged(data, None, (text,))) == []  # type: ignore[arg-type]
    port = Port("x", "float32", ("n", 2))
    empty = Samples("empty", lambda: iter([Sample({"x": np.zeros((0, 2), np.float32)})] * 2))
    assert names(diagnose(empty, [port])) == [("duplicates", True)]


def test_each_set_is_read_once() -> None:
    opened = []

    def stream(data: Array) -> Samples:
        def start() -> Iterator[Sample]:
            opened.append(len(data))
            return (Sample({"x": row[None]}) for row in data)

        return Samples("given", start)

    assert diagnose(stream(GOOD), [X], evaluation=stream(HELD[:40])) == []
    assert opened == [48, 40]


IDS = Port("ids", "int64", ("batch", 16))
MASK = Port("mask", "float32", ("batch", 16))
SETTING = Port("sizes", "float32", ("batch", 2))


def test_a_mask_of_ones_and_a_setting_beside_what_varies_are_no_blanks() -> None:
    ids = np.random.default_rng(0).integers(0, 900, (48, 16))
    data = {"ids": ids, "mask": np.ones((48, 16), np.float32)}
    assert judged(data, ports=(IDS, MASK)) == []
    sized = {"x": photos(0), "sizes": np.full((48, 2), 24, np.float32)}
    assert judged(sized, ports=(X, SETTING)) == []


def test_signals_of_one_level_each_are_doubtful_and_not_worthless() -> None:
    levels = np.random.default_rng(0).standard_normal((48, 1)).astype(np.float32)
    found = judged(levels * np.ones((48, 400), np.float32), ports=(SOUND,))
    assert names(found) == [("constant", False)]


def test_copies_are_no_defect_where_the_evaluation_set_repeats_itself_too() -> None:
    flags = Port("flags", "float32", ("batch", 6))
    rng = np.random.default_rng(0)
    one, two = ((rng.random((48, 6)) < 0.4).astype(np.float32) for _ in range(2))
    assert names(judged(one, ports=(flags,))) == [("duplicates", False)]
    assert judged(one, two, ports=(flags,)) == []
