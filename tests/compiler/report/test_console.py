"""A report on the console."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from mcompile.record import Report
from mcompile.report import console
from mcompile.types import Measured, Precision


def shown(report: Report, verbose: bool = False, **options: object) -> str:
    out = io.StringIO()
    console.show(report, Console(file=out, width=80, **options), verbose)  # type: ignore[arg-type]
    return out.getvalue()


def compared(*reports: Report) -> str:
    out = io.StringIO()
    console.compare(reports, Console(file=out, width=80))
    return out.getvalue()


def test_headlines_come_first_and_the_verdict_last(sample: Report) -> None:
    lines = shown(sample).splitlines()
    assert lines[0] == "efficientnet-lite0 -> cpu-server int8 (onnxruntime)"
    assert lines[2].strip() == sample.headlines[0]
    assert lines[-1] == (
        "failed: 6 passed, 1 failed, 3 unproven, 1 soft limit missed."
        "  out/efficientnet-lite0-cpu-server-int8"
    )


def test_a_check_is_one_line_with_limit_value_verdict_and_provenance(sample: Report) -> None:
    lines = [" ".join(line.split()) for line in shown(sample).splitlines()]
    assert "size 12.0 MB 4.92 MB ok measured" in lines
    assert "latency p99 12.0 ms 13.9 ms failed measured, 400 runs" in lines
    assert "throughput 150 qps 131 qps missed (soft) measured" in lines
    assert "energy 80.0 mJ 44.0..98.0 mJ unproven predicted for an x86-64 server core" in lines
    assert "power 15.0 W not measured unproven this machine has no energy counter" in lines


def test_float_and_int8_stand_side_by_side(sample: Report) -> None:
    lines = [" ".join(line.split()) for line in shown(sample).splitlines()]
    assert "fp32 int8" in lines
    assert "accuracy 90.0 % 85.0 % -5.00 pp measured, top1; 20 samples" in lines
    assert not any(line.startswith("latency mean") for line in lines)


def test_what_was_not_done_is_counted(sample: Report) -> None:
    text = shown(sample)
    assert "2 rewrites" in text
    assert "2 tensors" in text
    assert "1 rewrite that changed the numbers" in text
    assert "conv_stem_out has other readers" not in text


def test_verbose_says_every_reason_and_the_advice(sample: Report) -> None:
    text = shown(sample, verbose=True)
    assert "conv_stem_out has other readers" in text
    assert "leaves the graph" in text
    assert "outputs differ by 0.12" in text
    assert "try pin the threads with --threads" in text
    assert "latency mean" in text
    assert "ITS (time before / after)" in text


def test_verbose_lists_quantized_layers_and_what_was_tried(sample: Report) -> None:
    lines = [" ".join(line.split()) for line in shown(sample, verbose=True).splitlines()]
    assert (
        "/blocks.6/conv_6_out Conv 15.5 dB -12.5 dB -2.7..3.3 0.120 % "
        "0.0235, zero at 114 (uint8) 32 channels, 0.0041..0.0101 the error jumps here"
    ) in lines
    assert "stem Conv 28.0 dB 0..1 float: kept float by request" in lines
    assert "the 2 noisiest layers float 2 18.7 dB 8.30 ms taken" in lines
    assert "stem Conv 19.5 dB 10.8 M" in lines
    assert any(line.startswith("To override: --keep-float LAYER") for line in lines)
    assert "noisiest" not in shown(sample)


def test_a_rewrite_that_was_undone_says_where_it_is_shown(sample: Report) -> None:
    words = " ".join(shown(sample, verbose=True).split())
    assert "outputs differ by 0.12" in words
    assert "reproduce/fold_constants-slice_2" in words
    assert "mcompile explain reproducer" in shown(sample)


def test_another_precision_than_was_asked_for_is_in_the_first_line(sample: Report) -> None:
    fallen = replace(sample, built=Precision.FP16)
    assert "fp16 (onnxruntime), int8 was asked for" in shown(fallen).splitlines()[0]


def test_lines_are_not_wrapped_and_have_no_colour_in_a_file(sample: Report) -> None:
    text = shown(replace(sample, folder="x" * 200))
    assert "x" * 200 in text
    assert "\x1b" not in text


def test_a_terminal_gets_colour_beside_the_word(sample: Report) -> None:
    text = shown(sample, force_terminal=True, color_system="standard", no_color=False)
    assert "\x1b[1;31mfailed" in text


def test_hostile_names_bring_no_control_characters_and_no_markup(hostile: Report) -> None:
    text = shown(replace(hostile, model="[red]x[/red] :smile:"), verbose=True)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.startswith("[red]x[/red] :smile: -> ")


def test_the_least_report_is_shown(bare: Report) -> None:
    assert shown(bare, verbose=True).splitlines() == [
        "m -> t int8 (b)",
        "",
        "  size   1.00 MB   not measured   unproven",
        "",
        "unproven: 0 passed, 0 failed, 1 unproven.",
    ]


def test_artifacts_are_compared_with_the_front_marked(sample: Report) -> None:
    int8, fp32 = sample.variants
    slow = tuple(
        replace(m, value=m.value * 2) if m.unit in {"ms", "MB"} else m for m in int8.measured
    )
    text = compared(
        sample,
        replace(sample, built=Precision.FP32, variants=(fp32,)),
        replace(sample, model="beaten", variants=(replace(int8, measured=slow),)),
    )
    rows = text.splitlines()[1:4]
    assert [row.strip().startswith("*") for row in rows] == [True, True, False]
    assert "accuracy" in text.splitlines()[0]
    assert "not from one device" not in text


def test_a_comparison_says_what_makes_it_unfair(sample: Report, bare: Report) -> None:
    variant = sample.variants[0]
    moved = tuple(replace(m, device="another") for m in variant.measured)
    elsewhere = replace(sample, variants=(replace(variant, measured=moved),))
    text = compared(sample, elsewhere, bare)
    assert "latencies are not from one device" in text
    assert "an artifact that lacks a figure is not judged" in text
    assert "not measured" in text


def test_a_time_of_another_machine_says_so_and_ranks_nobody(sample: Report) -> None:
    variant = sample.variants[0]
    foreign = tuple(
        replace(m, value=1.0, counts=False) if m.name == "latency_p50_ms" else m
        for m in variant.measured
    )
    text = compared(sample, replace(sample, variants=(replace(variant, measured=foreign),)))
    assert "1.00 ms (measured elsewhere)" in text
    assert "on the Pareto front by size and accuracy" in text
    assert "latency p50 ranks nobody" in text
    assert [row.strip().startswith("*") for row in text.splitlines()[1:3]] == [True, True]


def test_a_measurement_without_device_is_compared(sample: Report) -> None:
    rows = (Measured("size_mb", 1.0, "MB"), Measured("latency_p50_ms", 1.0, "ms"))
    small = replace(sample, variants=(replace(sample.variants[0], measured=rows),))
    assert "1.00 MB" in compared(small)
