"""Golden cases as numpy reads them."""

import io

import numpy as np

from mcompile.backends.tensorrt.cases import packed
from mcompile.backends.tensorrt.device.golden import read_cases

CASES = [
    ({"a/b": np.arange(6, dtype=np.float32).reshape(2, 3)}, {"y": np.array([1], np.int64)}),
    ({"a/b": np.ones((2, 3), np.float32).T.copy().T}, {"y": np.array([2], np.int64)}),
]


def test_every_array_is_kept_by_side_case_and_name():
    with np.load(io.BytesIO(packed(CASES, 0.25)), allow_pickle=False) as archive:
        found = {name: archive[name] for name in archive.files}
    assert [*found] == ["tolerance", "in.0.a/b", "out.0.y", "in.1.a/b", "out.1.y"]
    assert found["tolerance"] == 0.25
    np.testing.assert_array_equal(found["in.0.a/b"], CASES[0][0]["a/b"])
    assert found["out.1.y"].dtype == np.int64


def test_the_device_reads_the_cases(tmp_path):
    (tmp_path / "golden.npz").write_bytes(packed(CASES, 0.5))
    golden = read_cases(str(tmp_path / "golden.npz"))
    one, other = golden.cases
    assert golden.tolerance == 0.5
    np.testing.assert_array_equal(one[0]["a/b"], CASES[0][0]["a/b"])
    np.testing.assert_array_equal(other[1]["y"], [2])


def test_equal_cases_make_equal_bytes():
    assert packed(CASES, None) == packed(CASES, None)
    assert packed(CASES, 0.1) != packed(CASES, 0.2)
