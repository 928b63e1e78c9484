"""What the multiplications of an artifact ran in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcompile.record import Layer, Report
from mcompile.report import markdown, products
from mcompile.report.page import render
from mcompile.types import Measured, Provenance

from .test_console import shown

LAYERS = (
    Layer("a", "Convolution", 1.0, macs_m=82.0, precision="int8"),
    Layer("b", "FullyConnected", 1.0, macs_m=18.0, precision="fp32"),
    Layer("c", "Reshape", 1.0, precision="int8"),
)


def ran(sample: Report, layers: tuple[Layer, ...], macs_g: float = 0.1) -> Report:
    counted = Measured("macs_g", macs_g, "G", Provenance.PREDICTED)
    first = replace(sample.variants[0], measured=(counted,))
    return replace(sample, layers=layers, variants=(first,))


def test_products_are_shared_out_by_what_their_kernels_compute_in(sample: Report) -> None:
    assert products.shares(ran(sample, LAYERS)) == {"int8": 0.82, "fp32": 0.18}
    assert products.told(ran(sample, LAYERS)) == "82 % of the products ran in int8, 18 % in fp32"


def test_products_that_no_layer_was_found_for_are_not_claimed(sample: Report) -> None:
    found = products.shares(ran(sample, LAYERS, macs_g=0.2))
    assert found == pytest.approx({"int8": 0.41, "fp32": 0.09, "what cannot be told": 0.5})


def test_work_that_was_found_twice_makes_no_more_than_the_whole(sample: Report) -> None:
    found = products.shares(ran(sample, LAYERS, macs_g=0.05))
    assert sum(found.values()) == pytest.approx(1.0)


def test_nothing_is_said_where_the_runtime_does_not_tell(sample: Report) -> None:
    silent = tuple(replace(layer, precision="") for layer in LAYERS)
    assert products.shares(ran(sample, silent)) == {}
    assert products.told(ran(sample, ())) == ""
    assert "computed" not in shown(ran(sample, silent))


def test_every_format_says_it(sample: Report) -> None:
    report = ran(sample, LAYERS)
    said = "82 % of the products ran in int8, 18 % in fp32"
    assert said in shown(report)
    assert f"{said}." in markdown.render(report)
    assert f"{said}." in render(report)
