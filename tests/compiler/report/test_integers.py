"""The quantization tables in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcompile.record import QuantLayer, Report, TriedRow
from mcompile.report import integers


def test_a_layer_is_a_line_under_its_titles(sample: Report) -> None:
    line = integers.layers(sample)[6]
    assert len(line.cells) == len(integers.LAYER_HEAD)
    assert dict(zip(integers.LAYER_HEAD, line.cells, strict=True)) == {
        "layer": "/blocks.6/conv_6_out",
        "op": "Conv",
        "SQNR": "15.5 dB",
        "step": "-12.5 dB",
        "reads": "-2.7..3.3",
        "saturated": "0.120 %",
        "scale": "0.0235, zero at 114 (uint8)",
        "weights": "32 channels, 0.0041..0.0101",
        "note": "the error jumps here",
    }


def test_a_float_layer_has_no_scale_and_says_why(sample: Report) -> None:
    line = integers.layers(sample)[3]
    assert (line.scale, line.weights, line.saturated) == ("", "", "")
    assert line.note == "float: kept float by request"


def test_a_layer_without_figures_is_blank() -> None:
    report = _with(QuantLayer("a", "Conv", ""))
    assert integers.layers(report)[0].cells == ("a", "Conv", *[""] * 7)


def test_one_scale_for_all_channels_is_said_once() -> None:
    row = QuantLayer("a", "Gemm", "x", channels=1, weight_scale_max=0.5, weight_scale_min=0.5)
    assert integers.layers(_with(row))[0].weights == "1 channel, 0.5"


def test_a_reason_is_not_called_float_twice() -> None:
    row = QuantLayer("a", "Conv", "x", jump=True, left_float="float: 1 of 2")
    assert integers.layers(_with(row))[0].note == "the error jumps here; float: 1 of 2"


def test_a_layer_that_gains_has_a_plus() -> None:
    assert integers.layers(_with(QuantLayer("a", "Conv", "x", step_db=2.5)))[0].step == "+2.5 dB"


def test_files_are_listed_as_they_were_tried(sample: Report) -> None:
    rows = integers.tried(sample)
    assert rows[2] == ("the 2 noisiest layers float", "2", "18.7 dB", "8.30 ms", "taken")
    assert rows[4][2:] == ("did not run", "not timed", "")
    assert all(len(r) == len(integers.TRIED_HEAD) for r in rows)


@pytest.mark.parametrize("latency", [0.0, float("inf")])
def test_a_file_without_a_time_is_not_timed(latency: float) -> None:
    assert not integers.is_timed(TriedRow("a", (), 20.0, latency, taken=True))


def test_noise_alone_is_listed_the_worst_first(sample: Report) -> None:
    report = replace(sample, alone=sample.alone[::-1])
    assert integers.alone(report) == (
        ("stem", "Conv", "19.5 dB", "10.8 M"),
        ("w", "Conv", "24.0 dB", ""),
    )


def test_no_error_at_all_is_exact_and_no_figure_is_nothing() -> None:
    assert (integers.decibel(200.0), integers.decibel(None)) == ("exact", "")


def _with(row: QuantLayer) -> Report:
    from mcompile.types import Precision, Verdict

    int8 = Precision.INT8
    return Report("m", "t", "b", int8, int8, Verdict.PASSED, (), quantized_layers=(row,))
