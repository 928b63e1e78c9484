"""A file read back: its operators and what they multiply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcompile.backends.litert import Litert
from mcompile.backends.litert.listing import Listed, Seen, counted, listed, macs
from mcompile.errors import ContractError
from mcompile.estimate.count import count
from mcompile.profile import Device, Target
from mcompile.types import Precision
from tests.backends import models


def seen(index: int, shape: tuple[int, ...]) -> Seen:
    return Seen(index, "int8", shape, False)


@pytest.mark.parametrize(
    "name", ["attention", "batched_matmul", "gru", "lstm", "padded_means", "resize", "transposed"]
)
def test_the_file_multiplies_as_much_as_the_model(name: str, tmp_path: Path) -> None:
    """Of models without padding: a convolution's taps on it are counted here, and not there."""
    target = Target("desk", "a desk", "litert", Precision.FP32, Device("x86_64"))
    Litert().lower(models.build(name), target, tmp_path)
    data = (tmp_path / "model.tflite").read_bytes()
    work = count(models.build(name))
    assert sum(map(macs, listed(data))) == sum(n.macs or 0 for n in work.nodes)


@pytest.mark.parametrize(
    ("kind", "shape", "weights", "made", "expected"),
    [
        ("CONV_2D", (1, 8, 8, 4), (6, 3, 3, 2), (1, 4, 4, 6), 16 * 6 * 18),
        ("DEPTHWISE_CONV_2D", (1, 8, 8, 4), (1, 3, 3, 4), (1, 8, 8, 4), 256 * 9),
        ("FULLY_CONNECTED", (2, 5), (7, 5), (2, 7), 14 * 5),
        ("BATCH_MATMUL", (3, 2, 5), (3, 5, 7), (3, 2, 7), 3 * 2 * 7 * 5),
        ("RELU", (1, 2), (3, 4), (1, 2), 0),
    ],
)
def test_macs_follow_from_shapes(
    kind: str, shape: Any, weights: Any, made: Any, expected: int
) -> None:
    inputs = (seen(0, shape), Seen(1, "int8", weights, True))
    assert macs(Listed(kind, 1, inputs, (seen(2, made),), {})) == expected


def test_a_transposed_convolution_works_on_each_input() -> None:
    size, weights = Seen(0, "int32", (4,), True), Seen(1, "int8", (6, 2, 2, 4), True)
    listed = Listed(
        "TRANSPOSE_CONV", 1, (size, weights, seen(2, (1, 8, 8, 4))), (seen(3, (1, 16, 16, 6)),), {}
    )
    assert macs(listed) == 8 * 8 * 4 * 6 * 2 * 2


def test_damaged_bytes_are_no_file() -> None:
    with pytest.raises(ContractError, match="cannot be read as a"):
        listed(b"\0" * 3)


def test_weights_that_are_unpacked_are_constants_to_whoever_reads_them() -> None:
    halves = Seen(1, "float16", (4,), True)
    assert Listed("DEQUANTIZE", 1, (halves,), (Seen(2, "float32", (4,), False),), {}).unpacks
    assert not Listed("RELU", 1, (halves,), (halves,), {}).unpacks


def operator(kind: str, dtype: str, *, constant: bool = False) -> Listed:
    read, made = Seen(0, dtype, (2,), constant), Seen(1, dtype, (2,), False)
    return Listed(kind, 1, (read,), (made,), {})


def test_operators_are_counted_by_what_is_to_be_known() -> None:
    ops = [operator("CONV_2D", "int8"), operator("TRANSPOSE", "int8"), operator("SUM", "float32")]
    assert counted(ops, on_integers=True) == "3 operators, 1 in float (SUM), 1 TRANSPOSE"
    assert counted(ops, on_integers=False) == "3 operators, 1 TRANSPOSE"
    whole = [operator("QUANTIZE", "float32"), operator("ADD", "int8")]
    assert counted(whole, on_integers=True) == "2 operators, 0 in float, 0 TRANSPOSEs"
    assert counted([operator("DEQUANTIZE", "int8", constant=True)], on_integers=True) == (
        "0 operators, 0 in float, 0 TRANSPOSEs"
    )


def test_a_few_kinds_of_float_operators_are_named() -> None:
    kinds = ["DIV", "SQRT", "SQRT", "EXP", "EXP", "EXP", "LOG"]
    told = counted([operator(k, "float32") for k in kinds], on_integers=True)
    assert told == "7 operators, 7 in float (3 EXP, 2 SQRT, DIV, ...), 0 TRANSPOSEs"
