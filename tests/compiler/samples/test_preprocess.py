"""Presets, TOML files and tables of a card become one `Preprocess`, or say what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcompile.errors import SamplesError
from mcompile.samples.preprocess import PRESETS, Preprocess, load_preprocess


def test_each_preset_loads() -> None:
    made = {name: load_preprocess(name) for name in PRESETS}
    assert made["none"] == Preprocess()
    assert made["tf"] == made["minus-one-to-one"] == Preprocess(scale=127.5, mean=(1.0,))
    assert made["imagenet"] is not None
    assert made["imagenet"].mean == (0.485, 0.456, 0.406)
    assert made["imagenet"].crop_fraction == 224 / 256


def test_nothing_stays_nothing_and_what_is_made_stays_as_it_is() -> None:
    made = Preprocess(scale=2.0)
    assert load_preprocess(None) is None
    assert load_preprocess(made) is made


def test_a_table_changes_parts_of_a_preset() -> None:
    made = load_preprocess({"preset": "tf", "interpolation": "bicubic", "resize": [256, 320]})
    assert made == Preprocess(scale=127.5, mean=(1.0,), interpolation="bicubic", resize=(256, 320))


@pytest.mark.parametrize("head", ["", "[preprocess]\n"])
def test_a_file_is_read_beside_the_card(tmp_path: Path, head: str) -> None:
    (tmp_path / "how.toml").write_text(f"{head}scale = 255\nmean = 0.5\nlayout = 'nhwc'\n")
    made = load_preprocess("how.toml", tmp_path)
    assert made == Preprocess(scale=255.0, mean=(0.5,), layout="nhwc")
    assert load_preprocess(tmp_path / "how.toml") == made


def test_only_the_neutral_one_keeps_values() -> None:
    assert Preprocess(resize=8, crop=4).keeps_values
    assert not Preprocess(scale=255.0).keeps_values
    assert not Preprocess(mean=(1.0,)).keeps_values
    assert not Preprocess(std=(2.0,)).keeps_values


def test_an_unknown_key_leads_to_the_nearest() -> None:
    with pytest.raises(SamplesError, match="interpolatoin is not a part") as caught:
        load_preprocess({"interpolatoin": "bicubic"})
    assert caught.value.fix == "interpolation"


@pytest.mark.parametrize("given", ["imagnet", {"preset": "imagnet"}])
def test_an_unknown_preset_leads_to_the_nearest(given: Any) -> None:
    with pytest.raises(SamplesError, match="imagnet") as caught:
        load_preprocess(given)
    assert caught.value.fix == "imagenet"


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ({"resize": 0}, "resize and crop are"),
        ({"crop": [0, 8]}, "resize and crop are"),
        ({"resize": [1, 2, 3]}, "array"),
        ({"crop_fraction": 1.5}, "crop_fraction is"),
        ({"crop_fraction": float("nan")}, "crop_fraction is"),
        ({"scale": 0}, "scale is"),
        ({"scale": "big"}, "expected `float`"),
        ({"std": [1.0, 0.0]}, "std holds no zero"),
        ({"mean": []}, "mean and std"),
        ({"color": "cmyk"}, "cmyk"),
        ({"interpolation": "nearest"}, "nearest"),
        ({"label_pattern": "a(b"}, "label_pattern is"),
        ({"label_pattern": "ab"}, "label_pattern is"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(table: dict[str, Any], what: str) -> None:
    with pytest.raises(SamplesError, match=what) as caught:
        load_preprocess(table)
    assert caught.value.where == "preprocess"


@pytest.mark.parametrize("text", ["scale = ", "\xff", "preprocess = 3"])
def test_a_file_that_is_no_table_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "how.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SamplesError) as caught:
        load_preprocess(path)
    assert caught.value.where == str(path)
