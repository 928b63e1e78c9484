"""Golden cases: read, compared, and the reason why an engine is not handed over."""

from __future__ import annotations

import numpy as np
import pytest

from mcompile.backends.tensorrt.device.faults import KitError
from mcompile.backends.tensorrt.device.golden import check_golden, distance, read_cases
from mcompile.golden import distance as told

from .desk import lay

NAN, INF = np.float32("nan"), np.float32("inf")


def array(*values):
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (array(1, 2), array(1, 2)),
        (array(1, 2.1), array(1, 2)),
        (array(1, 2).astype(np.float16), array(1, 2.001)),
        (array(NAN, 2), array(NAN, 2)),
        (array(NAN, 2), array(1, 2)),
        (array(1, 2), array(NAN, 2)),
        (array(INF, 2), array(-INF, 2)),
        (array(-INF, 2), array(-INF, 2)),
        (array(1), array(1, 2)),
        (array(0), array(0)),
        (array(), array()),
        (np.array([1, 2], np.int32), np.array([1, 2])),
        (np.array([1, 3], np.int32), np.array([1, 2])),
        (np.array([True]), np.array([False])),
    ],
)
def test_the_distance_is_the_compilers_own(got, want):
    assert distance(got, want) == told(got, want)


def test_cases_and_names_with_dots(tmp_path):
    path = tmp_path / "golden.npz"
    arrays = {
        "in.1.a.b": array(2),
        "out.1.y/z": array(3),
        "in.0.a.b": array(0),
        "out.0.y/z": array(1),
    }
    np.savez(path, **arrays)
    golden = read_cases(str(path))
    assert [(case[0]["a.b"], case[1]["y/z"]) for case in golden.cases] == [(0, 1), (2, 3)]
    assert golden.tolerance is None
    np.savez(path, tolerance=np.float64(0.25), **arrays)
    assert read_cases(str(path)).tolerance == 0.25


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 nothing", b"text"])
def test_damage(tmp_path, data):
    (tmp_path / "golden.npz").write_bytes(data)
    with pytest.raises(KitError, match=r"golden\.npz is damaged"):
        read_cases(str(tmp_path / "golden.npz"))


def test_no_case_and_no_output(tmp_path):
    path = str(tmp_path / "golden.npz")
    np.savez(path)
    with pytest.raises(KitError, match="holds no case"):
        read_cases(path)
    np.savez(path, **{"in.0.x": array(1), "out.0.y": array(1)})
    with pytest.raises(KitError, match="the engine has no output y"):
        check_golden(lambda feeds: feeds, read_cases(path), path)


@pytest.mark.parametrize(("skew", "code"), [(1.05, 0), (1.2, 1)])
def test_an_engine_that_computes_something_else(tmp_path, skew, code):
    desk = lay(tmp_path)
    ran = desk.run(skew=skew)
    assert ran.returncode == code
    assert (desk.kit / "measured.json").exists() == (code == 0)
    if code:
        assert "the engine does not compute what the model does: y of case 0 is off" in ran.stderr
    else:
        assert desk.measured()["golden_error"] == pytest.approx(skew - 1, abs=0.01)
