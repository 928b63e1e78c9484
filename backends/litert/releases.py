"""The release of TensorFlow Lite that first had an operator of a version.

The file says the newest of them as `min_runtime_version`; a target says the oldest that it may
meet. Source of the table: `tensorflow/lite/tools/versioning/runtime_version.cc`. What is not in it
is older than `_OLDEST`, the release that the specification of int8 was finished for.

What ai-edge-litert knows of it was found by loading files with each operator and version into
1.0.1, 1.2.0, 2.0.2 and 2.3.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from mcompile.backends.litert.draft import Draft, Op
from mcompile.backends.litert.versions import version_of
from mcompile.errors import LoweringError, TargetError
from mcompile.profile import Runtime

_OLDEST = Version("2.3")
_SINCE: Mapping[str, Mapping[str, Iterable[int]]] = {
    "2.4": {
        "ABS": [2], "ADD": [3], "BATCH_MATMUL": [3], "CONV_2D": [5], "CUMSUM": [1], "GATHER": [4],
        "MEAN": [3], "PAD": [3], "PADV2": [3], "RESIZE_NEAREST_NEIGHBOR": [4], "SLICE": [4],
        "SUB": [4, 5], "TRANSPOSE": [5],
    },
    "2.5": {
        "ABS": [3], "BATCH_MATMUL": [4], "BROADCAST_TO": [2, 3], "DEPTH_TO_SPACE": [2],
        "FILL": [3], "GATHER": [5], "GATHER_ND": [3], "REDUCE_MAX": [3], "REDUCE_MIN": [3],
        "RELU": [3], "RELU6": [3], "RESIZE_BILINEAR": [4], "REVERSE_V2": [3], "RSQRT": [2],
        "SLICE": [5], "SQUARED_DIFFERENCE": [2], "CONV_3D": [1],
    },
    "2.6": {
        "ABS": [4], "ADD": [4], "BROADCAST_ARGS": [1], "MUL": [5], "PAD": [4], "PADV2": [4],
        "REDUCE_ALL": [1], "REDUCE_PROD": [2], "STRIDED_SLICE": [6], "CONV_3D_TRANSPOSE": [1],
    },
    "2.7": {"CAST": [2], "DEQUANTIZE": [5], "QUANTIZE": [3]},
    "2.8": {"CAST": [3], "TILE": [3], "WHERE": [2]},
    "2.9": {
        "ARG_MAX": [3], "ARG_MIN": [3], "CAST": [4], "CONV_2D": [6], "GELU": [1, 2],
        "DYNAMIC_UPDATE_SLICE": [1],
    },
    "2.10": {"ATAN2": [1], "RELU_0_TO_1": [1]},
    "2.11": {"SIGN": [1]},
    "2.12": {
        "ABS": [5], "BATCH_TO_SPACE_ND": [4], "CAST": [5], "EXP": [2], "FILL": [4],
        "MIRROR_PAD": [3], "SELECT": [3, 4], "SELECT_V2": [2], "SIGN": [2],
        "SPACE_TO_BATCH_ND": [4], "TRANSPOSE": [6],
    },
    "2.13": {
        "ADD": [5], "BITWISE_XOR": [1], "EQUAL": [4], "FLOOR_DIV": [3], "FLOOR_MOD": [2],
        "GATHER": [6], "GATHER_ND": [4], "GREATER_EQUAL": [3], "LESS": [3], "MUL": [7],
        "PACK": [4], "RIGHT_SHIFT": [1], "TOPK_V2": [3], "TRANSPOSE_CONV": [4],
    },
    "2.14": {"CONCATENATION": [4], "RANGE": [2], "SLICE": [6], "STRIDED_SLICE": [7, 8]},
    "2.15": {"CONV_2D": [8], "FULLY_CONNECTED": [11], "LOG": [2], "RSQRT": [3], "DILATE": [1]},
    "2.16": {"GATHER_ND": [5]},
    "2.17": {"DYNAMIC_UPDATE_SLICE": [2], "FULLY_CONNECTED": [12]},
    "2.20": {"PAD": [5], "PADV2": [5]},
    "2.21": {"EQUAL": [5], "NOT_EQUAL": [4], "SQRT": [2]},
    "2.22": {"TRANSPOSE": [8]},
}  # fmt: skip
_FIRST = {
    (kind, number): Version(release)
    for release, kinds in _SINCE.items()
    for kind, numbers in kinds.items()
    for number in numbers
}
_KNOWS = (("2.3", "2.23"), ("2.0", "2.20"), ("1.2", "2.19"), ("1.0", "2.18"))
"""ai-edge-litert of that version and later reads what that release reads."""


def release_of(op: Op) -> Version:
    """The first release that runs the operator as the file holds it."""
    return _FIRST.get((op.kind, version_of(op)), _OLDEST)


def newest(draft: Draft) -> Version:
    """The first release that runs all of the file."""
    return max((release_of(op) for op in draft.ops), default=_OLDEST)


def package_for(release: Version) -> str:
    """The first ai-edge-litert, of those that artifacts are tested with, that reads a release."""
    return "2.3" if release > Version("2.20") else "2.0"


def floor_of(runtime: Runtime) -> Version | None:
    """The oldest release that the target may meet; None where the profile names none."""
    if runtime.tensorflow:
        return Version(runtime.tensorflow)
    try:
        pins = SpecifierSet(runtime.versions)
    except InvalidSpecifier as error:
        raise TargetError(
            f"{runtime.versions} is no range of versions", where="[runtime] versions", fix=">=2.0"
        ) from error
    lowest = [Version(p.version) for p in pins if p.operator in (">=", "==", "~=", ">")]
    if not lowest:
        return None
    return next((Version(r) for p, r in _KNOWS if max(lowest) >= Version(p)), Version("2.18"))


def demand(op: Op, floor: Version | None, where: str) -> None:
    """Raise `LoweringError` where the oldest runtime of a target cannot run an operator."""
    first = release_of(op)
    if floor is not None and first > floor:
        raise LoweringError(
            f"{op.kind} version {version_of(op)} came with TensorFlow Lite {first}, and the target "
            f"may have {floor}",
            where=where,
            fix="a newer runtime in the profile's [runtime], or another --precision",
        )
