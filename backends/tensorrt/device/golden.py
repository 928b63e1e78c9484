"""The golden cases: a few inputs and the outputs of the model they were made from."""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from mcompile.backends.tensorrt.device.arrays import np
from mcompile.backends.tensorrt.device.faults import CONTRACT, MISMATCH, KitError
from mcompile.backends.tensorrt.device.kit import AGAIN

Feeds = Dict[str, Any]


class Golden(NamedTuple):
    """Inputs and outputs of each case, and how far an output may be off where the file says it."""

    cases: List[Tuple[Feeds, Feeds]]
    tolerance: Optional[float] = None


def read_cases(path: str) -> Golden:
    """The cases of a file of `in.<case>.<input>`, `out.<case>.<output>` and perhaps `tolerance`."""
    cases: Dict[int, Tuple[Feeds, Feeds]] = {}
    tolerance = None
    try:
        with np.load(path, allow_pickle=False) as archive:
            for key in archive.files:
                if key == "tolerance":
                    tolerance = float(archive[key])
                    continue
                side, number, name = key.split(".", 2)
                case = cases.setdefault(int(number), ({}, {}))
                case[("in", "out").index(side)][name] = archive[key]
    # numpy and zipfile raise half a dozen classes on a damaged archive.
    except Exception as error:
        raise KitError(CONTRACT, "golden.npz is damaged", path, AGAIN) from error
    if not cases:
        raise KitError(CONTRACT, "golden.npz holds no case", path, AGAIN)
    return Golden([cases[number] for number in sorted(cases)], tolerance)


def distance(got: Any, want: Any) -> float:
    """The largest error as a share of the largest wanted magnitude; infinite for another shape.

    Of integers and truth values it is the share of the elements that differ; where only one of the
    two is NaN or infinite it is infinite.
    """
    if tuple(got.shape) != tuple(want.shape):
        return float("inf")
    if want.dtype.kind != "f":
        return float(np.mean(got != want)) if want.size else 0.0
    finite = np.isfinite(want)
    if not _same(got[~finite], want[~finite]) or not np.isfinite(got[finite]).all():
        return float("inf")
    error = np.abs(got[finite].astype(np.float64) - want[finite].astype(np.float64))
    if not error.size or not error.max():
        return 0.0
    return float(error.max() / max(float(np.abs(want[finite]).max()), 1e-30))


def worst(got: Feeds, want: Feeds, path: str) -> Tuple[float, str]:
    """The largest distance over the outputs, and which output has it."""
    missing = sorted(set(want) - set(got))
    if missing:
        told = f"the engine has no output {missing[0]}"
        raise KitError(CONTRACT, told, path, AGAIN)
    return max((distance(got[name], want[name]), name) for name in want)


def check_golden(run: Any, golden: Golden, path: str) -> float:
    """The largest distance over all cases; an error where one is beyond the tolerance."""
    largest, tolerance = 0.0, golden.tolerance or 0.0
    for number, (feeds, want) in enumerate(golden.cases):
        far, name = worst(run(feeds), want, path)
        if not far <= tolerance:
            raise KitError(
                MISMATCH,
                f"the engine does not compute what the model does: {name} of case {number} is off "
                f"by {far:.3g} of its largest value, and {tolerance:.3g} is allowed",
                path,
                "report the figures; a kit of --precision fp16 or fp32 says whether INT8 is why",
            )
        largest = max(largest, far)
    return largest


def _same(got: Any, want: Any) -> bool:
    """Whether NaN is where NaN is and infinities have their signs; numpy 1.13 has no equal_nan."""
    nan = np.isnan(want)
    return bool(np.array_equal(np.isnan(got), nan) and np.array_equal(got[~nan], want[~nan]))
