"""A report as a build would write it, and one whose every name is hostile."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from mcompile import record, types
from mcompile.record import Report, Variant
from mcompile.types import Check, Measured, Precision, Provenance, Verdict

DEVICE = "x86-64, 2 cores"
HOSTILE = "<script>alert(1)</script> | a\nb ]]> \x1b[31m {{ 7*7 }} \u202e`_*[x](y)&\"' é漢 @team"


def _times(middle: float, spread: float, seed: int) -> tuple[float, ...]:
    draw = random.Random(seed)
    body = [middle * draw.lognormvariate(0.0, spread) for _ in range(396)]
    return (*body, *(middle * draw.uniform(1.6, 3.0) for _ in range(4)))


def _measured(name: str, value: float, unit: str, **more: object) -> Measured:
    return replace(Measured(name, value, unit, device=DEVICE), **more)


def _variant(name: str, precision: Precision, figures: dict[str, float], seed: int) -> Variant:
    times = _times(figures["latency_p50_ms"], 0.06, seed)
    ranked = sorted(times)
    units = {"size_mb": "MB", "throughput_qps": "qps", "accuracy": "%", "memory_peak_mb": "MB"}
    notes = {"accuracy": "top1; 20 samples", "latency_p50_ms": "400 runs"}
    rows = [
        _measured(key, value, units.get(key, "ms"), note=notes.get(key, ""))
        for key, value in figures.items()
    ]
    found = {f"p{q}": ranked[4 * q] for q in (90, 95, 99)}
    found |= {"mean": sum(times) / len(times), "min": ranked[0], "max": ranked[-1]}
    rows[2:2] = [_measured(f"latency_{k}_ms", v, "ms", note="400 runs") for k, v in found.items()]
    if precision is Precision.INT8:
        rows.append(
            _measured("agreement", 95.0, "%", provenance=Provenance.SIMULATED, note="20 samples")
        )
        rows.append(
            _measured("sqnr_db", 18.74, "dB", provenance=Provenance.SIMULATED, note="20 samples")
        )
    return Variant(name, precision, tuple(rows), times)


def _variants() -> tuple[Variant, ...]:
    names = ("size_mb", "latency_p50_ms", "throughput_qps", "memory_peak_mb", "accuracy")
    int8 = dict(zip(names, (4.92, 8.31, 131.0, 61.4, 85.0), strict=True))
    fp32 = dict(zip(names, (18.58, 12.9, 81.0, 88.0, 90.0), strict=True))
    return (
        _variant("int8", Precision.INT8, int8, 1),
        _variant("fp32", Precision.FP32, fp32, 2),
    )


def _checks(variant: Variant) -> tuple[Check, ...]:
    def took(name: str) -> Measured:
        found = variant.find(name)
        assert found is not None
        return found

    predicted = Measured(
        "energy_mj", 71.0, "mJ", Provenance.PREDICTED, 44.0, 98.0, "an x86-64 server core"
    )
    elsewhere = replace(took("memory_peak_mb"), counts=False, device="a laptop")
    return (
        Check("size_mb", 12.0, took("size_mb"), Verdict.PASSED),
        Check("latency_p50_ms", 20.0, took("latency_p50_ms"), Verdict.PASSED),
        Check(
            "latency_p99_ms",
            12.0,
            took("latency_p99_ms"),
            Verdict.FAILED,
            because="the slowest 1 % of 400 runs were above the limit",
            advice="pin the threads with --threads, or raise the limit if the machine is shared",
        ),
        Check(
            "throughput_qps",
            150.0,
            took("throughput_qps"),
            Verdict.FAILED,
            hard=False,
            because="one stream was measured",
            advice="a larger batch raises throughput at the price of latency",
        ),
        Check(
            "memory_peak_mb", 100.0, elsewhere, Verdict.UNPROVEN, because="not the target device"
        ),
        Check(
            "energy_mj", 80.0, predicted, Verdict.UNPROVEN, because="the interval holds the limit"
        ),
        Check(
            "power_w", 15.0, None, Verdict.UNPROVEN, because="this machine has no energy counter"
        ),
        Check("accuracy_min", 80.0, took("accuracy"), Verdict.PASSED),
        Check("agreement_min", 90.0, took("agreement"), Verdict.PASSED),
        Check("no_nan", None, Measured("no_nan", 0.0, ""), Verdict.PASSED),
        Check("determinism", None, Measured("determinism", 0.0, ""), Verdict.PASSED),
    )


def _layers() -> tuple[record.Layer, ...]:
    draw = random.Random(3)
    rows = []
    for i in range(55):
        op = ("Conv", "Clip", "Add", "QuantizeLinear")[i % 4 if i else 0]
        rows.append(
            record.Layer(
                name=f"/blocks.{i // 4}/_{op.lower()}_{i}/{op}",
                op=op,
                time_ms=draw.expovariate(8.0) + 0.002,
                sqnr_db=draw.uniform(14.0, 42.0) if op in {"Conv", "Add"} else None,
                weights_kb=draw.uniform(1.0, 400.0) if op == "Conv" else None,
                macs_m=draw.uniform(0.5, 30.0) if op == "Conv" else None,
            )
        )
    return tuple(rows)


def _quantized() -> tuple[record.QuantLayer, ...]:
    """Twenty layers whose error jumps at the sixth; the third stayed float, the first is exact."""
    rows = [
        record.QuantLayer(
            layer=f"/blocks.{i}/conv_{i}_out", op="Conv", reads=f"relu_{i}", low=-2.7, high=3.3,
            dtype="uint8", scale=0.0235, zero_point=114, saturated=0.0012, channels=32,
            weight_scale_max=0.0101, weight_scale_min=0.0041, macs_m=1.7, jump=i == 6,
            sqnr_db=(30.0 if i < 6 else 17.0) - i / 4, step_db=-12.5 if i == 6 else -0.25,
        )
        for i in range(20)
    ]  # fmt: skip
    rows[0] = replace(rows[0], sqnr_db=200.0, step_db=None)
    rows[3] = record.QuantLayer(
        "stem", "Conv", "image", 0.0, 1.0, sqnr_db=28.0, left_float="kept float by request"
    )
    return tuple(rows)


def _tried() -> tuple[record.TriedRow, ...]:
    return (
        record.TriedRow("plain", (), 12.1, 7.9, taken=False),
        record.TriedRow("plain, biases corrected", (), 14.4, 8.0, taken=False),
        record.TriedRow("the 2 noisiest layers float", ("stem", "w"), 18.7, 8.3, taken=True),
        record.TriedRow("the 4 noisiest layers float", ("stem", "w", "x", "y"), 18.1, 9.4, False),
        record.TriedRow("one that cannot be written", (), -200.0, float("inf"), taken=False),
    )


def _nodes(counts: dict[str, int], prefix: str) -> tuple[record.GraphRow, ...]:
    return tuple(
        record.GraphRow(f"{prefix}_{op.lower()}_{i}", op, "1x32x112x112")
        for op, count in counts.items()
        for i in range(count)
    )


def _log() -> record.Log:
    return record.Log(
        applied=tuple(record.Applied("fold_batch_norm", f"bn_{i}") for i in range(49))
        + tuple(record.Applied("drop_identity", f"id_{i}") for i in range(6)),
        skipped=(
            record.Skipped("fold_batch_norm", "bn_50", "conv_stem_out has other readers"),
            record.Skipped("share_constants", "w_1", "smaller than a pointer"),
        ),
        undone=(
            record.Undone(
                "fold_constants",
                "slice_2",
                "outputs differ by 0.12 where 1e-5 is allowed",
                "reproduce/fold_constants-slice_2",
            ),
        ),
    )


def _stages() -> tuple[record.Stage, ...]:
    rows = (
        ("captured", "104 nodes   18.6 MB   opset 20", 6.2, 412.0),
        ("folded", "49 batchnorms, 6 identities", 0.3, 430.0),
        ("calibrated", "64 samples", 9.8, 655.0),
        ("quantized", "50 of 50 conv and gemm", 0.9, 660.0),
        ("lowered", "4.9 MB", 0.4, 664.0),
        ("measured", "400 runs, interleaved", 12.4, 702.0),
    )
    return tuple(record.Stage(n, s, t, t * 1.7, p) for n, s, t, p in rows)


def _artifact() -> types.Artifact:
    return types.Artifact(
        "onnxruntime",
        Precision.INT8,
        (
            types.File("model.onnx", "3f" * 32, 4_920_113),
            types.File("labels.txt", "a1" * 32, 10_472),
        ),
        (types.Port("image", "float32", ("N", 3, 224, 224)),),
        (types.Port("scores", "float32", ("N", 1000)),),
        types.Contract("onnxruntime", ">=1.20", "x86_64", ("avx2",), 20),
        {"onnxruntime": "1.22.0", "mcompile": "0.1.0"},
    )


@pytest.fixture
def sample() -> Report:
    """A failed int8 build beside its float build, with every verdict and provenance."""
    variants = _variants()
    before = {"Conv": 50, "BatchNormalization": 49, "Clip": 35, "Add": 9, "Identity": 6, "Gemm": 1}
    after = {"Conv": 50, "QuantizeLinear": 96, "DequantizeLinear": 146, "Add": 9, "Gemm": 1}
    return Report(
        model="efficientnet-lite0",
        target="cpu-server",
        backend="onnxruntime",
        requested=Precision.INT8,
        built=Precision.INT8,
        verdict=Verdict.FAILED,
        checks=_checks(variants[0]),
        variants=variants,
        headlines=("int8 is 1.6 times as fast as float, and 5 pp less accurate on 20 images",),
        warnings=("20 evaluation images give an accuracy with a margin of about 16 pp",),
        comparison=(
            Measured("its", 1.55, "x", device=DEVICE),
            Measured("al", 0.0556, ""),
        ),
        stages=_stages(),
        rules=_log(),
        quantization=tuple(
            record.QuantRow(f"conv_{i}_out", "uint8", 0.0235 + i / 1e4, 114, 1, -2.7, 3.3)
            for i in range(60)
        ),
        left_float={"scores": "leaves the graph", "image": "enters the graph"},
        quantized_layers=_quantized(),
        tried=_tried(),
        alone=(record.AloneRow("stem", "Conv", 19.5, 10.8), record.AloneRow("w", "Conv", 24.0)),
        layers=_layers(),
        graph_before=_nodes(before, "n"),
        graph_after=_nodes(after, "m"),
        card={"calibration": "photos.npz", "metric": "top1"},
        environment={"mcompile": "0.1.0", "onnxruntime": "1.22.0", "machine": DEVICE},
        artifact=_artifact(),
        folder="out/efficientnet-lite0-cpu-server-int8",
    )


@pytest.fixture
def hostile(sample: Report) -> Report:
    """The sample with a name in every place that would break out of each format."""
    check = sample.checks[2]
    return replace(
        sample,
        model=HOSTILE,
        target=HOSTILE,
        backend=HOSTILE,
        folder=HOSTILE,
        headlines=(HOSTILE,),
        warnings=(HOSTILE,),
        checks=(replace(check, name=HOSTILE, because=HOSTILE, advice=HOSTILE), *sample.checks),
        variants=tuple(replace(v, name=HOSTILE) for v in sample.variants),
        stages=(record.Stage(HOSTILE, HOSTILE, 1.0, 1.0, 1.0),),
        rules=record.Log(
            (record.Applied(HOSTILE, HOSTILE),),
            (record.Skipped(HOSTILE, HOSTILE, HOSTILE),),
            (record.Undone(HOSTILE, HOSTILE, HOSTILE, HOSTILE),),
        ),
        quantization=(record.QuantRow(HOSTILE, HOSTILE, 1.0, 0, 1),),
        left_float={HOSTILE: HOSTILE},
        quantized_layers=tuple(
            record.QuantLayer(
                HOSTILE,
                HOSTILE,
                HOSTILE,
                sqnr_db=9.0 - k,
                jump=k == 1,
                dtype=HOSTILE,
                scale=1.0,
                left_float=HOSTILE,
            )
            for k in range(2)
        ),
        tried=tuple(
            record.TriedRow(HOSTILE, (HOSTILE,), 9.0 + k, 1.0 + k, taken=k == 1) for k in range(2)
        ),
        alone=(record.AloneRow(HOSTILE, HOSTILE, 1.0),),
        layers=(record.Layer(HOSTILE, HOSTILE, 1.0),),
        graph_before=(record.GraphRow(HOSTILE, HOSTILE, HOSTILE),),
        graph_after=(record.GraphRow(HOSTILE, HOSTILE, HOSTILE),),
        card={HOSTILE: HOSTILE},
        environment={HOSTILE: HOSTILE},
        artifact=replace(_artifact(), files=(types.File(HOSTILE, HOSTILE, 1),)),
    )


@pytest.fixture
def bare() -> Report:
    """The least a report can hold."""
    check = Check("size_mb", 1.0, None, Verdict.UNPROVEN)
    int8 = Precision.INT8
    return Report("m", "t", "b", int8, int8, Verdict.UNPROVEN, (check,))
